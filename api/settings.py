"""The settings of the service. Nothing is read at import."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from api.errors import ApiError
from api.logs import Format
from api.middleware.api_keys import KeyFile, Keyring
from foundation.data_folder import DataFolder
from foundation.errors import SettingsError
from foundation.settings import check, setting


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """One service.

    Raises ApiError if other machines could reach it without a key, and SettingsError for a bad value.
    """

    panel: ClassVar = "Service"

    folder: DataFolder
    """The data folder, with its graph and its archive."""
    api_key: str | None = field(default=None, repr=False)
    """AFFINITY_API_KEY: a key with all scopes, beside the keys of the data folder."""
    host: str = setting("127.0.0.1", "Address to listen on; an address that other machines can reach needs a key.")
    port: int = setting(8477, "Port to listen on; 0 takes any free port.", ge=0, le=65535)
    workers: int = setting(1, "Processes that answer requests; each has a cache of its own.", ge=1, le=256)
    in_flight: int = setting(
        64, "Largest number of requests at a time in each worker; more are answered with 503.", ge=1
    )
    tls_cert: Path | None = setting(
        None, "PEM file with the certificate and its chain, for HTTPS.", when_unset="none: plain HTTP"
    )
    tls_key: Path | None = setting(
        None, "PEM file with the private key, without a password.", when_unset="in the certificate's file"
    )
    log_format: Format = setting(
        "text", "text: one line for each error; json: one object for each error and each request."
    )
    cache_bytes: int = 256 * 2**20
    """AFFINITY_CACHE_BYTES: memory for windows of the order. 0 keeps none: slower, with the same answers."""
    query_seconds: float = 10.0
    """The graph ends a query that takes longer."""
    deadline: float = 15.0
    """The service answers 503 if it waits longer for the graph, in seconds."""
    readers: int = 8
    """Largest number of queries at a time, in each worker."""
    runtime: Path | None = None
    """Folder for what the workers share while they run; None: the data folder."""

    def __post_init__(self) -> None:
        check(self)
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
    def from_environment(cls, data: Path | None, **options: Any) -> ServiceSettings:
        """Settings from the command line and the environment; `options` are fields of this class."""
        return cls(
            folder=DataFolder.resolve(data),
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
    """Parse AFFINITY_CACHE_BYTES. Raises SettingsError."""
    if not text.isdecimal():
        raise SettingsError(f"AFFINITY_CACHE_BYTES is {text!r}; it must be a number of bytes, such as 268435456, or 0.")
    return int(text)
