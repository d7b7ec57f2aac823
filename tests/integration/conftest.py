"""Fixtures of the workshop: some samples are mined once for all tests that store, link, forget and prune them."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphdb.settings import Connection
from ingest.model import MinedVideo
from tests.conftest import empty, once, open_graph
from tests.integration import workshop as made
from tests.integration.workshop import Workshop


@pytest.fixture(scope="session")
def mined(clips: list[Path], shared: Path) -> dict[str, dict[str, MinedVideo]]:
    def make(folder: Path) -> None:
        folder.mkdir()
        (folder / "videos.pickle").write_bytes(pickle.dumps(made.mine_both_ways(clips[:16])))

    videos: dict[str, dict[str, MinedVideo]] = pickle.loads(
        (once(shared / "mined", make) / "videos.pickle").read_bytes()
    )
    return videos


@pytest.fixture
def workshop(
    mined: dict[str, dict[str, MinedVideo]],
    scratch_server: Connection,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    clean_environment: None,
) -> Iterator[Workshop]:
    """An empty graph on the scratch server. Commands in this process use this server too."""
    monkeypatch.setenv("NEO4J_URI", scratch_server.uri)
    monkeypatch.setenv("NEO4J_USER", scratch_server.user)
    monkeypatch.setenv("NEO4J_PASSWORD", scratch_server.password)
    empty(scratch_server)
    graph = open_graph(tmp_path_factory.mktemp("workshop"), scratch_server)
    yield Workshop(graph, mined)
    graph.close()
