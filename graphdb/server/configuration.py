"""The configuration of the local Neo4j: its ports, its memory, and the file neo4j.conf."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
MEBI = 2**20
ADD_OPENS = tuple(
    f"--add-opens=java.base/{package}=ALL-UNNAMED"
    for package in ("java.nio", "java.io", "sun.nio.ch", "java.util.concurrent")
)
"""Java options that open internal packages to Neo4j: without them it can neither start nor import."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of a server, which listens on the loopback address only."""

    bolt: int = 7687
    http: int = 7474

    @classmethod
    def free(cls) -> Ports:
        """Choose Neo4j's default ports if they are free, else any that are free."""
        default = cls()
        return cls(_free_port(default.bolt), _free_port(default.http))

    @classmethod
    def other(cls) -> Ports:
        """Choose ports that are free now, and are not Neo4j's default ones."""
        return cls(_any_free_port(), _any_free_port())

    @property
    def is_default(self) -> bool:
        return self == Ports()

    @property
    def uri(self) -> str:
        return f"bolt://{HOST}:{self.bolt}"

    @property
    def browser(self) -> str:
        return f"http://{HOST}:{self.http}/browser/"

    @property
    def are_free(self) -> bool:
        return is_free(self.bolt) and is_free(self.http)


def _free_port(wanted: int) -> int:
    return wanted if is_free(wanted) else _any_free_port()


def _any_free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
    return port


def is_free(port: int) -> bool:
    """Tell whether a server can listen on this port of the loopback address."""
    if is_listening(port):
        # BSD and macOS let two sockets share a port if one of them listens on all addresses.
        return False
    with socket.socket() as listener:
        # As Java does: a port counts as free while its last connections are still closing.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
    return True


def is_listening(port: int) -> bool:
    """Tell whether a server accepts connections on this port of the loopback address."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex((HOST, port)) == 0


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory that the server may use, in MiB."""

    heap: int
    page_cache: int

    @classmethod
    def for_machine(cls) -> Memory:
        return cls.share_of(machine_memory())

    @classmethod
    def share_of(cls, total: int) -> Memory:
        """Take a small share of `total` bytes: the machine does other work too.

        24 GiB give a heap of 1 GiB and a page cache of 512 MiB.
        """
        mebi = total // MEBI
        return cls(heap=_clamp(mebi // 24, 512, 4096), page_cache=_clamp(mebi // 48, 128, 4096))


def _clamp(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))


def machine_memory() -> int:
    """Return the bytes of memory that this process may use: all of the machine, or less in a container."""
    import psutil

    limits = [int(psutil.virtual_memory().total)]
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limits.append(int(Path(path).read_text()))
        except (OSError, ValueError):
            continue  # not Linux, another version of cgroups, or "max"
    return min(limits)


def neo4j_conf(ports: Ports, memory: Memory) -> str:
    """Return the text of neo4j.conf. The heap and the Java options are on the command line (`java.py`)."""
    settings = {
        "server.default_listen_address": HOST,
        "server.default_advertised_address": HOST,
        "server.bolt.listen_address": f"{HOST}:{ports.bolt}",
        # Neo4j Browser connects to the advertised address: without the port it would try 7687.
        "server.bolt.advertised_address": f"{HOST}:{ports.bolt}",
        "server.http.listen_address": f"{HOST}:{ports.http}",
        "server.http.advertised_address": f"{HOST}:{ports.http}",
        "server.https.enabled": "false",
        "server.memory.pagecache.size": f"{memory.page_cache}m",
        # Otherwise Neo4j would reserve 256 MiB for the first log of each database.
        "db.tx_log.preallocate": "false",
        "db.tx_log.rotation.retention_policy": "256M size",
        # A start has tens of INTER and MEMBER. Grouped by type, its one INTRA is found without reading the others.
        "db.relationship_grouping_threshold": "8",
        # Neo4j sends nothing to other machines, and only Bolt and HTTP listen.
        "dbms.usage_report.enabled": "false",
        "client.allow_telemetry": "false",
        "dbms.fleet_manager.enabled": "false",
        "server.fleet_discovery.enabled": "false",
        "server.http.x_forward.enabled": "false",
        # Otherwise LOAD CSV could read the files of this folder.
        "dbms.security.allow_csv_import_from_file_urls": "false",
        # Otherwise network threads wait for ten seconds after the last connection is closed; the store is clean before.
        "internal.server.bolt.thread_pool_shutdown_wait_time": "0s",
        "internal.server.bolt.connection_shutdown_wait_time": "0s",
        "internal.dbms.bolt.netty_server_shutdown_quiet_period_duration": "0s",
        "internal.dbms.bolt.netty_server_shutdown_timeout": "1s",
        # Neo4j Browser may load guides from this machine only.
        "browser.remote_content_hostname_whitelist": f"localhost,{HOST}",
    }
    head = "# Written at every start by `affinity graph start`; changes here are lost.\n"
    # The server gets these on its command line; Neo4j's tools read them here.
    tools = "".join(f"server.jvm.additional={option}\n" for option in ADD_OPENS)
    return head + "".join(f"{name}={value}\n" for name, value in settings.items()) + tools
