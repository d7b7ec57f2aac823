"""What the local Neo4j is told: memory, ports, and the file it reads."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
MEBI = 2**20
OPENED = tuple(
    f"--add-opens=java.base/{package}=ALL-UNNAMED"
    for package in ("java.nio", "java.io", "sun.nio.ch", "java.util.concurrent")
)
"""Packages of Java that Neo4j reaches into; it does not start, or import, without them."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a server listens, on loopback only."""

    bolt: int = 7687
    http: int = 7474

    @classmethod
    def free(cls) -> Ports:
        """Neo4j's own ports where nobody uses them, else any that are free."""
        usual = cls()
        return cls(_free_port(usual.bolt), _free_port(usual.http))

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
    if is_free(wanted):
        return wanted
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address."""
    if answers(port):
        # BSD and macOS let two sockets share a port where one of them listens on all addresses.
        return False
    with socket.socket() as listener:
        # As Java does it: a port whose last connections linger is free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex((HOST, port)) == 0


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB that the server may use."""

    heap: int
    page_cache: int

    @classmethod
    def of_machine(cls) -> Memory:
        return cls.sized(machine_memory())

    @classmethod
    def sized(cls, total: int) -> Memory:
        """A small share of `total` bytes: the server has the machine's other work beside it.

        24 GiB give a heap of 1 GiB and 512 MiB of page cache.
        """
        mebi = total // MEBI
        return cls(heap=_clamp(mebi // 24, 512, 4096), page_cache=_clamp(mebi // 48, 128, 4096))


def _clamp(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))


def machine_memory() -> int:
    """Bytes of memory that this process may use: the machine's, or its container's where that is less."""
    import psutil

    limits = [int(psutil.virtual_memory().total)]
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limits.append(int(Path(path).read_text()))
        except (OSError, ValueError):
            continue  # another system, another cgroup version, or "max"
    return min(limits)


def neo4j_conf(ports: Ports, memory: Memory) -> str:
    """neo4j.conf of a server on these ports. The server's heap and Java options are on its command line (`java.py`)."""
    settings = {
        "server.default_listen_address": HOST,
        "server.default_advertised_address": HOST,
        "server.bolt.listen_address": f"{HOST}:{ports.bolt}",
        # The Browser dials what is advertised: without the port it would try 7687.
        "server.bolt.advertised_address": f"{HOST}:{ports.bolt}",
        "server.http.listen_address": f"{HOST}:{ports.http}",
        "server.http.advertised_address": f"{HOST}:{ports.http}",
        "server.https.enabled": "false",
        "server.memory.pagecache.size": f"{memory.page_cache}m",
        # A data folder costs what it holds, not 256 MiB for each database's first log.
        "db.tx_log.preallocate": "false",
        "db.tx_log.rotation.retention_policy": "256M size",
        # A start has tens of INTER and MEMBER: grouped by type, its one track is found without walking over them all.
        "db.relationship_grouping_threshold": "8",
        # Nothing leaves the machine, and nothing listens but Bolt and HTTP.
        "dbms.usage_report.enabled": "false",
        "client.allow_telemetry": "false",
        "dbms.fleet_manager.enabled": "false",
        "server.fleet_discovery.enabled": "false",
        "server.http.x_forward.enabled": "false",
        # LOAD CSV would otherwise read this very folder.
        "dbms.security.allow_csv_import_from_file_urls": "false",
        # Network threads linger for ten seconds after the last connection is closed; the store is clean before.
        "internal.server.bolt.thread_pool_shutdown_wait_time": "0s",
        "internal.server.bolt.connection_shutdown_wait_time": "0s",
        "internal.dbms.bolt.netty_server_shutdown_quiet_period_duration": "0s",
        "internal.dbms.bolt.netty_server_shutdown_timeout": "1s",
        # The guide of the Browser comes from this machine.
        "browser.remote_content_hostname_whitelist": f"localhost,{HOST}",
    }
    head = "# Written at every start by `affinity graph start`; changes here are lost.\n"
    # The server gets these on its command line; Neo4j's own tools, run on this folder, read them here.
    tools = "".join(f"server.jvm.additional={option}\n" for option in OPENED)
    return head + "".join(f"{name}={value}\n" for name, value in settings.items()) + tools
