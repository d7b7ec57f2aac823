from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphdb.config import HOST, Memory, Ports, is_free, neo4j_conf
from graphdb.files import StillBusy, alone, write_private

GIBI = 2**30


def settings(ports: Ports) -> dict[str, list[str]]:
    """neo4j.conf as Neo4j reads it: a setting may come several times."""
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
def test_nothing_is_reported_or_announced(name: str) -> None:
    assert settings(Ports())[name] == ["false"]


def test_neo4js_own_tools_may_reach_into_java() -> None:
    assert "--add-opens=java.base/java.nio=ALL-UNNAMED" in settings(Ports())["server.jvm.additional"]


def test_a_machine_of_24_gib_gives_a_heap_of_one() -> None:
    assert Memory.sized(24 * GIBI) == Memory(heap=1024, page_cache=512)


@pytest.mark.parametrize("gibi", [1, 2, 8, 64, 1024])
def test_memory_stays_within_bounds(gibi: int) -> None:
    memory = Memory.sized(gibi * GIBI)
    assert 512 <= memory.heap <= 4096
    assert 128 <= memory.page_cache <= 4096


def test_a_port_that_somebody_listens_on_is_not_free(taken_port: int) -> None:
    assert not is_free(taken_port)
    assert not Ports(bolt=taken_port).are_free


def test_a_port_is_free_again_when_nobody_listens() -> None:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port = listener.getsockname()[1]
    assert is_free(port)


def test_ports_name_their_addresses() -> None:
    ports = Ports(7999, 7998)
    assert ports.uri == f"bolt://{HOST}:7999"
    assert ports.browser == f"http://{HOST}:7998/browser/"


def test_a_private_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    write_private(tmp_path / "password", "secret\n")
    assert (tmp_path / "password").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["password"]


def test_waiting_for_another_process_has_an_end(tmp_path: Path) -> None:
    with (
        alone(tmp_path / ".lock", 1, "writing"),
        pytest.raises(StillBusy, match="still writing"),
        alone(tmp_path / ".lock", 0.1, "writing"),
    ):
        pass
