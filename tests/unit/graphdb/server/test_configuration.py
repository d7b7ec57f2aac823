from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from graphdb.server.configuration import HOST, Memory, Ports, is_free, neo4j_conf

GIBI = 2**30


def settings(ports: Ports) -> dict[str, list[str]]:
    """Parse neo4j.conf as Neo4j does: a setting may have several values."""
    read: dict[str, list[str]] = {}
    for line in neo4j_conf(ports, Memory(1024, 512)).splitlines():
        if not line.startswith("#"):
            name, _, value = line.partition("=")
            read.setdefault(name, []).append(value)
    return read


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_the_server_listens_on_loopback_only() -> None:
    listening = {name: value for name, value in settings(Ports()).items() if "listen_address" in name}
    assert set(listening) == {
        "server.default_listen_address",
        "server.bolt.listen_address",
        "server.http.listen_address",
    }
    assert all(value[0].split(":")[0] == HOST for value in listening.values())


def test_the_advertised_address_follows_the_port() -> None:
    assert settings(Ports(7999, 7998))["server.bolt.advertised_address"] == [f"{HOST}:7999"]


@pytest.mark.parametrize(
    "name",
    [
        "dbms.usage_report.enabled",
        "client.allow_telemetry",
        "dbms.fleet_manager.enabled",
        "server.fleet_discovery.enabled",
    ],
)
def test_neo4j_sends_nothing_to_other_machines(name: str) -> None:
    assert settings(Ports())[name] == ["false"]


def test_the_tools_of_neo4j_may_use_internal_packages_of_java() -> None:
    assert "--add-opens=java.base/java.nio=ALL-UNNAMED" in settings(Ports())["server.jvm.additional"]


def test_24_gib_give_a_heap_of_1_gib() -> None:
    assert Memory.share_of(24 * GIBI) == Memory(heap=1024, page_cache=512)


@pytest.mark.parametrize("gibi", [1, 2, 8, 64, 1024])
def test_memory_stays_within_bounds(gibi: int) -> None:
    memory = Memory.share_of(gibi * GIBI)
    assert 512 <= memory.heap <= 4096
    assert 128 <= memory.page_cache <= 4096


def test_a_port_with_a_listener_is_not_free(taken_port: int) -> None:
    assert not is_free(taken_port)
    assert not Ports(bolt=taken_port).are_free


def test_a_port_is_free_after_its_listener_is_closed() -> None:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port = listener.getsockname()[1]
    assert is_free(port)


def test_addresses_of_ports() -> None:
    ports = Ports(7999, 7998)
    assert ports.uri == f"bolt://{HOST}:7999"
    assert ports.browser == f"http://{HOST}:7998/browser/"
