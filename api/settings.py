"""What the service can be told, each setting with its sentence. Nothing here is read at import."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from api.errors import NotLoopback
from graphdb.errors import SettingsError
from graphdb.settings import DataFolder


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """Raises NotLoopback where others could reach the service without a key, SettingsError for a bad value."""

    folder: DataFolder
    """The data folder: its graph, its archive."""
    host: str = "127.0.0.1"
    """The address to listen on."""
    port: int = 8477
    """0 takes any free one."""
    api_key: str | None = None
    """AFFINITY_API_KEY: what every request must carry. Without it the service is for this machine only."""
    cache_bytes: int = 256 * 2**20
    """AFFINITY_CACHE_BYTES: memory for windows of the order that were read. 0 keeps none: slower, same answers."""
    query_seconds: float = 10.0
    """The graph ends a query that takes longer."""
    deadline: float = 15.0
    """The service answers 503 where it waited longer for the graph, in seconds."""
    readers: int = 8
    """How many queries are under way at a time."""

    def __post_init__(self) -> None:
        if self.api_key is None and not is_loopback(self.host):
            raise NotLoopback(self.host)

    @classmethod
    def from_environment(cls, data: Path | None, host: str, port: int) -> ServiceSettings:
        """Settings from the command line and the environment."""
        return cls(
            folder=DataFolder.resolve(data),
            host=host,
            port=port,
            api_key=os.environ.get("AFFINITY_API_KEY") or None,
            cache_bytes=cache_bytes(os.environ.get("AFFINITY_CACHE_BYTES") or str(cls.cache_bytes)),
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
