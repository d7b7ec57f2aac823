"""`--engine ray` gives the graph of the local engine, even if a worker is killed or a machine is lost."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from graphdb.settings import Connection
from ingest.engine.factory import open_engine
from ingest.engine.ray_cluster import RayEngine
from ingest.errors import IngestError, WorkerDied
from ingest.settings import IngestSettings
from tests.conftest import Graph, Wait, empty, open_graph
from tests.hiding import without
from tests.integration.fingerprint import fingerprint
from tests.unit.ingest.engine.test_local import length

ARGUMENTS = ("--workers", "2", "--parents", "2", "--min-parent-size", "4", "--neighbors", "8")


def busy_workers(process: int) -> list[psutil.Process]:
    """Return the Ray workers below the process that run a task."""
    found = []
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process).children(recursive=True):
            with suppress(psutil.Error):
                if "ray::outcome" in " ".join(child.cmdline()):
                    found.append(child)
    return found


@pytest.mark.slow
def test_the_graph_is_that_of_the_local_engine_even_if_a_worker_is_killed(
    graph: Graph, scratch_server: Connection, clips: list[Path], tmp_path: Path, wait_for: Wait
) -> None:
    videos = [str(clip) for clip in clips[::4]]
    graph.run("ingest", *videos, *ARGUMENTS)
    expected = fingerprint(graph)
    assert graph.store.counts()["inter"]
    graph.store.close()
    empty(scratch_server)

    second = open_graph(tmp_path / "second", scratch_server)
    try:
        process = second.start("ingest", *videos, *ARGUMENTS, "--engine", "ray")
        busy: list[psutil.Process] = []

        def at_work() -> bool:
            busy[:] = busy_workers(process.pid)
            return bool(busy) and second.store.counts()["videos"] > 0

        wait_for(at_work)
        busy[0].send_signal(signal.SIGKILL)
        _, stderr = process.communicate(timeout=300)
        assert process.returncode == 0, stderr
        assert f"{len(videos)} videos mined" in stderr
        assert fingerprint(second) == expected
    finally:
        second.close()


@pytest.fixture
def machines() -> Iterator[tuple[str, Callable[[], None]]]:
    """A running cluster of two nodes: its address, and a function that removes one of them."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = cluster.add_node(num_cpus=1)
    try:
        yield cluster.address, lambda: cluster.remove_node(second, allow_graceful=False)
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]


@pytest.mark.slow
def test_a_running_cluster_is_joined_and_can_lose_a_machine(
    graph: Graph,
    scratch_server: Connection,
    clips: list[Path],
    tmp_path: Path,
    wait_for: Wait,
    machines: tuple[str, Callable[[], None]],
) -> None:
    videos = [str(clip) for clip in clips[1::6]]
    graph.run("ingest", *videos, *ARGUMENTS)
    expected = fingerprint(graph)
    graph.store.close()
    empty(scratch_server)

    address, remove_node = machines
    second = open_graph(tmp_path / "second", scratch_server)
    try:
        process = second.start("ingest", *videos, *ARGUMENTS, "--engine", "ray", "--address", address)
        wait_for(lambda: second.store.counts()["videos"] > 0)
        remove_node()
        _, stderr = process.communicate(timeout=300)
        assert process.returncode == 0, stderr
        assert fingerprint(second) == expected
    finally:
        second.close()


def test_the_machines_must_see_the_files_and_survive_the_tasks(tmp_path: Path) -> None:
    with RayEngine(workers=2) as engine:
        results = dict(engine.map(length, [Path("a"), Path("wrong"), Path("abc")]))
        assert (results[Path("a")], results[Path("abc")]) == (1, 3)
        assert isinstance(results[Path("wrong")], ValueError)

        engine.require_shared(tmp_path / "data", [tmp_path])
        assert list((tmp_path / "data").iterdir()) == []
        with pytest.raises(IngestError, match="elsewhere"):
            engine.require_shared(tmp_path / "data", [tmp_path / "elsewhere"])

        with pytest.raises(WorkerDied, match="deadly"):
            list(engine.map(length, [Path("videos/deadly")]))


def test_an_address_without_the_ray_engine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="--engine ray"), open_engine(IngestSettings(address="host:1"), tmp_path):
        pass


def test_without_ray_installed_the_extra_is_named(graph: Graph, clips: list[Path], tmp_path: Path) -> None:
    process = graph.start("ingest", str(clips[0]), "--engine", "ray", **without(["ray"], tmp_path))
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "pip install" in stderr and "ray" in stderr and "Traceback" not in stderr
