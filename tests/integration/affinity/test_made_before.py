"""A graph, a data folder, runs and exports that an earlier version made still work, with the same results."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from graphdb.server.local import LocalServer
from tests.conftest import ROOT, SETTINGS, choose_ports, command, free_port, neo4j, open_graph, running
from tests.integration.affinity import made_before as read
from tests.integration.affinity.made_before import Made
from tests.integration.fingerprint import fingerprint

FIXTURE = ROOT / "tests" / "fixtures" / "made_before"
NEAR = 1e-3
"""Relative tolerance for losses on another processor, which may add in another order."""


def unpack(folder: Path) -> Path:
    with tarfile.open(FIXTURE / "made.tar.xz") as tar:
        tar.extractall(folder, filter="data")
    # The ports of another machine are free on this one only by chance.
    choose_ports(folder / "data" / "neo4j")
    return folder


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    """The readings that the version recorded that made the fixture."""
    found: dict[str, Any] = json.loads((FIXTURE / "expected.json").read_text())
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, expected: Mapping[str, Any]) -> Iterator[Made]:
    """The unpacked fixture with its own Neo4j store."""
    root = unpack(tmp_path_factory.mktemp("made"))
    with neo4j(root / "data" / "neo4j") as server:
        graph = open_graph(root / "data", server)
        try:
            with graph.service(free_port()) as url:
                yield Made(root, graph, url, expected["key"], expected["snapshots"])
        finally:
            graph.close()


@pytest.fixture
def same_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in read.SAME_ARITHMETIC.items():
        monkeypatch.setenv(name, value)


def test_the_graph_is_sound(made: Made, expected: Mapping[str, Any]) -> None:
    found = read.checked(made.graph)
    assert found == expected["check"] and found["sound"]


def test_the_service_answers_with_the_same_bytes_and_successors(made: Made, expected: Mapping[str, Any]) -> None:
    assert read.answers(made) == expected["answers"]
    assert read.successors(made, expected["ended"]) == expected["ended"]


def test_quality_and_contact_sheets_are_as_before(made: Made, expected: Mapping[str, Any], tmp_path: Path) -> None:
    found = read.quality(made)
    assert {name: found[name] for name in expected["quality"]} == expected["quality"]
    assert found["same_shot"] == 0  # the shots of its starts are not known
    assert read.children(made, tmp_path / "children.png") == expected["children"]
    assert (tmp_path / "children.png").stat().st_size


def test_the_same_videos_with_the_same_settings_change_nothing(made: Made, expected: Mapping[str, Any]) -> None:
    before = fingerprint(made.graph)
    ingested = read.ingested_again(made.graph)
    assert ingested == expected["ingested_again"]
    assert (ingested["mined"], ingested["known"]) == (0, len(read.sample_clips()))
    assert read.clustered_again(made.graph) == expected["clustered_again"]
    assert fingerprint(made.graph) == before


def test_a_run_resumes_with_the_same_losses_and_weights(
    made: Made, expected: Mapping[str, Any], tmp_path: Path, same_arithmetic: None
) -> None:
    found, wanted = read.resumed(made, tmp_path), dict(expected["resumed"])
    if read.machine() != expected["machine"]:
        assert found.pop("losses") == pytest.approx(wanted.pop("losses"), rel=NEAR)
        del found["weights"], wanted["weights"]
    assert found == wanted


def test_checkpoints_are_evaluated_and_exported(
    made: Made, expected: Mapping[str, Any], tmp_path: Path, same_arithmetic: None
) -> None:
    exact = read.machine() == expected["machine"]
    accuracies = read.neighbors(made, tmp_path / "labeled")
    assert accuracies == (
        expected["neighbors"] if exact else pytest.approx(expected["neighbors"], abs=0.05)  # a few of some 50 images
    )
    assert read.exported_weights(made, tmp_path / "resumed.safetensors") == expected["exported_weights"]
    assert (tmp_path / "resumed.safetensors").read_bytes() == (made.root / "weights/resumed.safetensors").read_bytes()


def test_an_interrupted_export_is_finished_with_the_same_bytes(
    made: Made, expected: Mapping[str, Any], tmp_path: Path
) -> None:
    assert read.finished_epoch(made, tmp_path / "epoch") == expected["finished_epoch"]


@pytest.mark.slow
def test_an_exported_graph_is_imported_and_a_video_is_forgotten(
    made: Made, expected: Mapping[str, Any], tmp_path: Path
) -> None:
    root = unpack(tmp_path)
    home = root / "data" / "neo4j"
    home.rename(root / "other")
    choose_ports(home)
    import_graph(root)
    # The import leaves its server running.
    with running(LocalServer(home)) as server:
        graph = open_graph(root / "data", server)
        try:
            assert fingerprint(graph) == fingerprint(made.graph)

            forgotten = graph.json("forget", str(read.sample_clips()[0]), "--yes")
            assert len(forgotten["videos"]) == 1
            assert set(forgotten["snapshots"]) <= set(expected["snapshots"].values())
            assert None not in forgotten["snapshots"].values()
            assert read.checked(graph)["sound"]
        finally:
            graph.close()


def import_graph(root: Path) -> None:
    """Import the exported graph into the local Neo4j of the data folder, without NEO4J_URI."""
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    words = command(["graph", "import", str(root / "graph"), "--data", str(root / "data")])
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert LocalServer(root / "data" / "neo4j").has_store
