"""A full or read-only disk: commands end with one sentence, leave no partial data, and continue when repeated."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from foundation.data_folder import DataFolder
from foundation.errors import DiskNearlyFull
from foundation.files import MIN_FREE_BYTES
from graphdb.connect import connect, open_store
from graphdb.server.local import LocalServer
from graphdb.store.graph import GraphStore
from tests.conftest import Graph
from tests.integration.fingerprint import fingerprint

LINKED = ("--parents", "2", "--min-parent-size", "4")


class Disk:
    """A small file system that is mounted at the data folder. Neo4j is on another disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def mounted(self, *options: str) -> Iterator[None]:
        command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"this user may not mount file systems: {done.stderr.strip()}")
        try:
            yield
        finally:
            # Lazily, because a process may still have a file open there.
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    def change(self, *options: str) -> None:
        subprocess.run(["mount", "-o", ",".join(["remount", *options]), str(self.folder)], check=True)

    def fill(self, leave: int) -> Path:
        """Write a file that leaves this many bytes free."""
        ballast = self.folder / "ballast"
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(self.folder).free - leave)
        return ballast


@pytest.fixture
def disk(graph: Graph) -> Iterator[Disk]:
    store = graph.folder.store_file.read_text()
    disk = Disk(graph.folder.root)
    with disk.mounted("size=64m"):
        graph.folder.store_file.write_text(store)
        yield disk


def refused(graph: Graph, arguments: list[str]) -> str:
    """Run a command that must fail, and return the sentence that it ends with."""
    done = graph.run(*arguments, check=False)
    assert done.returncode == 1, done.stderr
    [sentence] = [line for line in done.stderr.splitlines() if line.startswith("affinity: ")]
    assert done.stderr.endswith(sentence + "\n")
    return sentence


def consistent(graph: Graph) -> int:
    """Return the number of stored videos, after checking that all images can be read and no file is half written."""
    fingerprint(graph)
    assert not list(graph.folder.root.rglob("*.tmp"))
    return graph.store.counts()["videos"]


def start_over(graph: Graph) -> None:
    graph.cypher("MATCH (n) WHERE NOT n:Store DETACH DELETE n")
    for path in (graph.folder.archive, graph.folder.features, graph.folder.fits):
        shutil.rmtree(path)


def test_a_disk_that_fills_up_at_any_stage_loses_nothing(graph: Graph, disk: Disk, clips: list[Path]) -> None:
    chosen = ["ingest", *map(str, clips[:8]), *LINKED]
    graph.run(*chosen)
    undisturbed = fingerprint(graph)
    start_over(graph)

    ballast = disk.fill(leave=150_000)
    assert "The disk is full: no space is left for" in (error := refused(graph, chosen))
    assert "000000.tar" in error or "/views/" in error
    assert "Free some space on that disk, and run the same command again" in error
    assert 0 < consistent(graph) < 8

    ballast.unlink()
    graph.run(*chosen, "--no-link")
    ballast = disk.fill(leave=50_000)
    assert ".npy" in refused(graph, chosen)
    assert consistent(graph) == 8

    ballast.unlink()
    graph.run(*chosen)
    assert fingerprint(graph) == undisturbed

    ballast = disk.fill(leave=8192)
    assert ".npz" in refused(graph, ["cluster", *LINKED, "--refit"])
    ballast.unlink()
    graph.run("cluster", *LINKED, "--refit")
    assert fingerprint(graph) == undisturbed


@pytest.mark.parametrize("place", ["new", "used"])
def test_a_read_only_folder_is_an_error_that_says_so(place: str, graph: Graph, disk: Disk, clips: list[Path]) -> None:
    mine = ["ingest", str(clips[0]), "--no-link"]
    if place == "used":
        graph.run(*mine)
    disk.change("ro")
    error = refused(graph, mine)
    assert "archive cannot be written: Read-only file system" in error
    assert "or choose another data folder with --data" in error
    disk.change("rw")
    graph.run(*mine)


def test_a_store_id_that_cannot_be_written_is_an_error(graph: Graph, disk: Disk, clips: list[Path]) -> None:
    mine = ["ingest", str(clips[0]), "--no-link"]
    graph.cypher("MATCH (n) DETACH DELETE n")
    graph.folder.store_file.unlink()
    disk.change("ro")
    assert "store cannot be written: Read-only file system" in refused(graph, mine)
    disk.change("rw")
    graph.run(*mine)


@pytest.fixture
def server_disk(tmp_path: Path) -> Iterator[tuple[Disk, DataFolder]]:
    """A small file system with a data folder and its local Neo4j."""
    disk = Disk(tmp_path)
    with disk.mounted("size=400m"):
        folder = DataFolder.resolve(tmp_path / "data")
        yield disk, folder
        LocalServer(folder.neo4j).stop()


@pytest.mark.slow
def test_the_local_neo4j_refuses_writes_on_a_disk_that_is_nearly_full(server_disk: tuple[Disk, DataFolder]) -> None:
    disk, folder = server_disk
    with connect(folder, GraphStore) as store:
        ballast = disk.fill(leave=MIN_FREE_BYTES - 2**20)
        with pytest.raises(DiskNearlyFull, match=r"The disk is nearly full: Neo4j in .* less than 100 MB are free"):
            store.claim_store("another")
        store.touch_snapshot("a snapshot")
        with open_store(folder, GraphStore) as another:
            assert another.counts()["videos"] == 0
        ballast.unlink()
        assert store.claim_store("another") == store.store_id()
