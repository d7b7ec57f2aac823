"""Forgetting: nothing is left of a video, its snapshots are succeeded by what ingest gives without it, whenever cut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from graphdb.server import Connection
from tests.conftest import Graph, empty, open_graph

LINKED = ("--parents", "2", "--members", "4")


@pytest.fixture(scope="module")
def mined(scratch_server: Connection, tmp_path_factory: pytest.TempPathFactory, clips: list[Path]) -> Iterator[Graph]:
    """A small graph with two snapshots: all videos, and those that are not held out."""
    empty(scratch_server)
    graph = open_graph(tmp_path_factory.mktemp("forgetting"), scratch_server)
    graph.run("ingest", *map(str, clips[:24]), *LINKED, "--hold-out", "0.3")
    yield graph
    graph.close()


def test_x(mined: Graph) -> None:
    print(mined.store.counts())
    video = sorted(mined.store.videos())[-1]
    done = mined.run("forget", video[:8], "--yes", "--json")
    print(done.stdout, done.stderr)
    print(mined.run("graph", "check").stdout)
    done = mined.run("graph", "prune", "--dry-run")
    print(done.stdout, done.stderr)
    done = mined.run("graph", "prune", "--json", "--keep", "1")
    print(done.stdout, done.stderr)
    print(mined.run("graph", "check").stdout)
    print(mined.store.counts())
    assert 0
