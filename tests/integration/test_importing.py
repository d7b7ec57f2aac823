"""Export and import: the same graph, to the last property and key, that check finds sound and ingest goes on with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graphdb.server import LocalServer
from tests.conftest import SETTINGS, Graph, command, open_graph

SAME = ("archive", "features", "fits", "views", "store")


def affinity(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`affinity …` on a data folder and its own server."""
    kept = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    return subprocess.run(
        command(arguments),
        env=kept | {"AFFINITY_DATA": str(data), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.fixture(scope="module")
def exported(world: Graph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("exported") / "graph"
    world.run("graph", "export", str(target))
    return target


@pytest.fixture
def copied(world: Graph, tmp_path: Path) -> Iterator[Path]:
    """A data folder with the pixels of `world`, and no graph yet."""
    data = tmp_path / "data"
    data.mkdir()
    for name in SAME:
        copy = shutil.copytree if (world.folder.root / name).is_dir() else shutil.copy
        copy(world.folder.root / name, data / name)
    yield data
    LocalServer(data / "neo4j").stop()


def everything(graph: Graph) -> list[list[str]]:
    """All that a graph holds, keys, positions and times included, and its schema."""
    queries = (
        "MATCH (n) RETURN labels(n) AS labels, properties(n) AS properties",
        "MATCH (a)-[r]->(b) RETURN type(r) AS type, a.id AS a, b.id AS b, properties(r) AS properties",
        "SHOW INDEXES YIELD name, type, labelsOrTypes, properties, owningConstraint WHERE type <> 'LOOKUP' RETURN *",
    )
    return [sorted(repr(ordered(row)) for row in graph.cypher(text)) for text in queries]


def ordered(value: Any) -> Any:
    """Labels and properties have no order that means something."""
    if isinstance(value, dict):
        return sorted((name, ordered(of)) for name, of in value.items())
    return sorted(value) if isinstance(value, list) else value


def test_an_import_is_the_same_graph_and_ingest_goes_on_with_it(
    world: Graph, exported: Path, copied: Path, clips: list[Path]
) -> None:
    done = affinity(copied, "graph", "import", str(exported))
    assert done.returncode == 0, done.stdout + done.stderr
    graph = open_graph(copied, LocalServer(copied / "neo4j").start())
    try:
        assert everything(graph) == everything(world)
        latest = graph.store.snapshot("latest")
        known, new = ([*map(str, some)] for some in (clips[:3], sorted(clips[0].parent.glob("*.mp4"))[90:93]))
        settings = ("--parents", "4", "--members", "8", "--json")
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
    assert refused.returncode == 1 and "holds a graph already" in refused.stderr


def test_an_export_says_what_it_holds(world: Graph, exported: Path) -> None:
    written = json.loads((exported / "graph.json").read_text())
    counts = world.store.counts()
    assert written["nodes"]["nodes.Video.csv"] == counts["videos"]
    assert written["relationships"]["relationships.INTER.csv"] == counts["inter"]
    assert written["store"] == world.store.store_id()
    files = {path.name for path in exported.iterdir()}
    assert files == {"graph.json", *written["nodes"], *written["relationships"]}


def test_a_folder_that_is_not_empty_is_left_alone(world: Graph, exported: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in exported.iterdir()}
    refused = world.run("graph", "export", str(exported), check=False)
    assert refused.returncode == 1 and "not empty" in refused.stderr
    assert {path.name: path.stat().st_mtime_ns for path in exported.iterdir()} == before


def test_an_import_without_its_pixels_is_refused_before_anything_starts(exported: Path, tmp_path: Path) -> None:
    refused = affinity(tmp_path, "graph", "import", str(exported))
    assert refused.returncode == 1 and "belongs to store" in refused.stderr
    assert not (tmp_path / "neo4j").exists()


def test_half_an_export_is_none(exported: Path, tmp_path: Path) -> None:
    half = tmp_path / "half"
    shutil.copytree(exported, half)
    (half / "relationships.INTER.csv").unlink()
    refused = affinity(tmp_path, "graph", "import", str(half))
    assert refused.returncode == 1 and "relationships.INTER.csv is missing" in refused.stderr
    (half / "graph.json").unlink()
    assert "half of one" in affinity(tmp_path, "graph", "import", str(half)).stderr
