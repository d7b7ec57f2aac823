"""What the service can be told, each setting with its sentence. Nothing here is read at import."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from api.errors import ApiError
from api.logs import Format
from api.middleware.api_keys import KeyFile, Keyring
from foundation.data_folder import DataFolder
from foundation.errors import SettingsError


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """The settings of the service. Raises ApiError if other machines could reach it and no key is needed."""

    folder: DataFolder
    """The data folder: its graph, its archive."""
    host: str = "127.0.0.1"
    """The address to listen on."""
    port: int = 8477
    """0 takes any free one."""
    api_key: str | None = field(default=None, repr=False)
    """AFFINITY_API_KEY: a key that opens everything, beside those of the data folder."""
    cache_bytes: int = 256 * 2**20
    """AFFINITY_CACHE_BYTES: memory for windows of the order that were read. 0 keeps none: slower, same answers."""
    query_seconds: float = 10.0
    """The graph ends a query that takes longer."""
    deadline: float = 15.0
    """The service answers 503 where it waited longer for the graph, in seconds."""
    readers: int = 8
    """How many queries are under way at a time, in each worker."""
    workers: int = 1
    """Processes that answer, each with windows of its own."""
    in_flight: int = 64
    """Requests whose answers were not read yet, in each worker; the service answers 503 to more."""
    tls_cert: Path | None = None
    """PEM: the certificate, and those that vouch for it. None speaks plain HTTP."""
    tls_key: Path | None = None
    """PEM: its private key; None where it is in the same file."""
    log_format: Format = "text"
    """`text` says what goes wrong; `json` that and every request, one object a line."""
    runtime: Path | None = None
    """A folder for what the workers share while they run; None is the data folder."""

    def __post_init__(self) -> None:
        if not is_loopback(self.host) and not self.keys.is_locked:
            raise ApiError(
                f"Without a key the service listens on this machine only, but other machines can reach {self.host}. "
                "Create a key with `affinity keys create NAME` or set AFFINITY_API_KEY, or leave --host at 127.0.0.1."
            )

    @property
    def keys(self) -> Keyring:
        """The keys that the service accepts."""
        return Keyring(KeyFile(self.folder.keys_file), self.api_key)

    @classmethod
    def from_environment(cls, data: Path | None, host: str, port: int, **options: Any) -> ServiceSettings:
        """Read settings from the command line and the environment; `options` are fields of this class."""
        return cls(
            folder=DataFolder.resolve(data),
            host=host,
            port=port,
            api_key=os.environ.get("AFFINITY_API_KEY") or None,
            cache_bytes=cache_bytes(os.environ.get("AFFINITY_CACHE_BYTES") or str(cls.cache_bytes)),
            **options,
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def cache_bytes(text: str) -> int:
    if not text.isdecimal():
        raise SettingsError(
            f"AFFINITY_CACHE_BYTES is {text!r}; set it to a number of bytes, such as 268435456, or to 0."
        )
    return int(text)
