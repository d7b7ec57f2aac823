"""Export and import: the imported graph equals the exported one, passes the check, and ingest continues with it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from affinity.doctor.graph import neo4j as doctor_checks
from foundation.data_folder import DataFolder
from graphdb.archive.shards import shard_files
from graphdb.errors import IncompleteImport
from graphdb.server.java import tool_arguments
from graphdb.server.local import LocalServer
from graphdb.server.process import ServerProcess, command_line
from tests.conftest import SETTINGS, Graph, Wait, command, open_graph

COPIED = ("archive", "features", "fits", "views", "store")


def environment(data: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    return kept | {"AFFINITY_DATA": str(data), "OMP_NUM_THREADS": "1"}


def affinity(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `affinity …` on a data folder with its own server."""
    return subprocess.run(command(arguments), env=environment(data), capture_output=True, text=True, timeout=600)


def importers(home: Path) -> list[psutil.Process]:
    """Return the running tools of Neo4j that work on the folder of a server."""
    return [each for each in psutil.process_iter() if set(tool_arguments(home)).issubset(command_line(each))]


FIRST_FILE = "data/databases/neo4j/neostore.nodestore.db"
"""A file that the importer writes early."""
MOMENTS: dict[str, Callable[[Path], bool]] = {
    "when the importer starts": lambda home: bool(importers(home)),
    "while it writes": lambda home: bool(importers(home)) and (home / FIRST_FILE).exists(),
    "while the imported graph is counted": lambda home: not importers(home) and ServerProcess(home).find() is not None,
}


@pytest.fixture(scope="module")
def exported(world: Graph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("exported") / "graph"
    world.run("graph", "export", str(target))
    return target


@pytest.fixture
def copied(world: Graph, tmp_path: Path) -> Iterator[Path]:
    """A data folder with the images of `world`, and no graph."""
    data = tmp_path / "data"
    data.mkdir()
    for name in COPIED:
        copy = shutil.copytree if (world.folder.root / name).is_dir() else shutil.copy
        copy(world.folder.root / name, data / name)
    yield data
    LocalServer(data / "neo4j").stop()


def everything(graph: Graph) -> list[list[str]]:
    """Return all that a graph holds, with keys, positions and times, and its schema."""
    queries = (
        "MATCH (n) RETURN labels(n) AS labels, properties(n) AS properties",
        "MATCH (a)-[r]->(b) RETURN type(r) AS type, a.id AS a, b.id AS b, properties(r) AS properties",
        "SHOW INDEXES YIELD name, type, labelsOrTypes, properties, owningConstraint WHERE type <> 'LOOKUP' RETURN *",
    )
    return [sorted(repr(ordered(row)) for row in graph.cypher(text)) for text in queries]


def ordered(value: Any) -> Any:
    """Sort labels and properties, whose order has no meaning."""
    if isinstance(value, dict):
        return sorted((name, ordered(of)) for name, of in value.items())
    return sorted(value) if isinstance(value, list) else value


def test_an_imported_graph_equals_the_exported_one_and_ingest_continues_with_it(
    world: Graph, exported: Path, copied: Path, clips: list[Path]
) -> None:
    with shard_files(copied / "archive")[-1].open("ab") as shard:
        shard.write(bytes(512))
    done = affinity(copied, "graph", "import", str(exported))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "512 bytes in 000000.tar" in done.stderr and "the next ingest cuts them off" in done.stderr
    graph = open_graph(copied, LocalServer(copied / "neo4j").start())
    try:
        assert everything(graph) == everything(world)
        latest = graph.store.snapshot("latest")
        known, new = ([*map(str, some)] for some in (clips[:3], sorted(clips[0].parent.glob("*.mp4"))[90:93]))
        settings = ("--parents", "4", "--min-parent-size", "8", "--json")
        again = json.loads(affinity(copied, "ingest", *known, *settings).stdout)
        assert (again["mined"], again["snapshot"]["id"]) == (0, latest.id), again
        more = json.loads(affinity(copied, "ingest", *new, *settings).stdout)
        assert more["snapshot"]["id"] != latest.id
        assert graph.store.snapshot("latest").counts.videos == latest.counts.videos + len(new)
        keys = [row["key"] for row in graph.cypher("MATCH ()-[r:INTRA]->() RETURN r.key AS key ORDER BY key")]
        assert keys == list(range(len(keys)))
    finally:
        graph.close()
    checked = affinity(copied, "graph", "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    refused = affinity(copied, "graph", "import", str(exported))
    assert refused.returncode == 1 and "holds a graph already, " in refused.stderr and ":Patch" in refused.stderr


def kill_an_import(data: Path, exported: Path, reached: Callable[[Path], bool], wait_for: Wait) -> None:
    """Kill an import at a moment. Before, no other process could start the server; afterwards, no importer runs."""
    home = data / "neo4j"
    process = subprocess.Popen(command(("graph", "import", str(exported))), env=environment(data))
    wait_for(lambda: reached(home) or process.poll() is not None)
    with pytest.raises(IncompleteImport):
        LocalServer(home).start()
    for importer in importers(home):
        importer.suspend()  # so that it does not end by itself
    process.kill()
    assert process.wait(30) == -9
    wait_for(lambda: not importers(home))


@pytest.mark.slow
def test_a_killed_import_leaves_no_graph_and_no_process_and_can_be_repeated(
    world: Graph, exported: Path, copied: Path, wait_for: Wait
) -> None:
    second = LocalServer(copied / "neo4j")
    for reached in MOMENTS.values():
        kill_an_import(copied, exported, reached, wait_for)
        assert second.is_half_imported
    for arguments in (("start",), ("admin", "database", "info")):
        refused = affinity(copied, "graph", *arguments)
        assert refused.returncode == 1 and "run it again with the same export" in refused.stderr, refused.stderr
    assert "half imported" in affinity(copied, "graph", "status").stdout
    assert [check.state for check in doctor_checks(DataFolder(copied)) if check.name == "graph"] == ["problem"]
    done = affinity(copied, "graph", "import", str(exported))
    assert done.returncode == 0, done.stdout + done.stderr
    graph = open_graph(copied, second.start())
    try:
        assert everything(graph) == everything(world)
    finally:
        graph.close()


def test_an_export_lists_its_files_and_their_rows(world: Graph, exported: Path) -> None:
    written = json.loads((exported / "graph.json").read_text())
    counts = world.store.counts()
    assert written["nodes"]["nodes.Video.csv"] == counts["videos"]
    assert written["relationships"]["relationships.INTER.csv"] == counts["inter"]
    assert written["store"] == world.store.store_id()
    files = {path.name for path in exported.iterdir()}
    assert files == {"graph.json", *written["nodes"], *written["relationships"]}


def test_an_export_to_a_folder_that_is_not_empty_changes_nothing(world: Graph, exported: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in exported.iterdir()}
    refused = world.run("graph", "export", str(exported), check=False)
    assert refused.returncode == 1 and "not empty" in refused.stderr
    assert {path.name: path.stat().st_mtime_ns for path in exported.iterdir()} == before


def test_an_import_without_its_images_is_refused_before_the_server_starts(
    world: Graph, exported: Path, tmp_path: Path
) -> None:
    refused = affinity(tmp_path, "graph", "import", str(exported))
    assert refused.returncode == 1 and "belongs to store" in refused.stderr
    shutil.copy(world.folder.store_file, tmp_path / "store")
    refused = affinity(tmp_path, "graph", "import", str(exported))
    assert refused.returncode == 1 and "000000.tar, which has 0" in refused.stderr
    assert not (tmp_path / "neo4j").exists()


def test_an_incomplete_export_is_refused(exported: Path, tmp_path: Path) -> None:
    half = tmp_path / "half"
    shutil.copytree(exported, half)
    (half / "relationships.INTER.csv").unlink()
    refused = affinity(tmp_path, "graph", "import", str(half))
    assert refused.returncode == 1 and "relationships.INTER.csv is missing" in refused.stderr
    (half / "graph.json").unlink()
    assert "half of one" in affinity(tmp_path, "graph", "import", str(half)).stderr
