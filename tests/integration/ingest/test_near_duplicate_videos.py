"""Near-duplicate videos are found, joined by COPY, and count as one video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Graph
from tests.copies import draw, upload

NAMES = """
MATCH (:Snapshot {id: $snapshot})-[:USES]->(:Segment {kind: 'inter'})<-[:IN]-(c:Child)
MATCH (v:Video)<-[:FROM]-(a:Start)-[:MEMBER]->(c)<-[:MEMBER]-(b:Start)-[:FROM]->(w:Video)
WHERE a.id < b.id
RETURN DISTINCT v.uri AS a, w.uri AS b
"""

LINKS = """
MATCH (s:Snapshot) WITH s ORDER BY s.created DESC LIMIT 1
MATCH (s)-[:USES]->(g:Segment)
MATCH (a:Video)-[copy:COPY]->(b:Video) WHERE copy.segment = g.id
RETURN DISTINCT a.id AS a, b.id AS b, copy.similarity AS similarity ORDER BY a, b
"""
"""The copies that the newest snapshot uses."""


@pytest.fixture(scope="module")
def uploads(tmp_path_factory: pytest.TempPathFactory, clips: list[Path]) -> list[Path]:
    """Copies of every third clip."""
    folder, rng = tmp_path_factory.mktemp("uploads"), np.random.default_rng(5)
    copied = clips[:60:3]
    for original in copied:
        upload(original, folder / original.name, draw(rng))
    return sorted(folder.iterdir())


def same_footage(row: dict[str, str]) -> bool:
    return Path(row["a"]).name == Path(row["b"]).name


def test_copies_are_joined_by_copy_and_hardly_any_edge_joins_two_of_them(
    graph: Graph, clips: list[Path], uploads: list[Path]
) -> None:
    # Copies that are ingested later give the same as all at once.
    for videos in (uploads[10:] + clips[:40], uploads[:10] + clips[40:60]):
        grown = graph.json("ingest", *map(str, videos), "--parents", "2")
    joined = graph.cypher(LINKS)
    assert joined
    graph.cypher("MATCH (n:Snapshot|Segment|Child) WHERE NOT n:Segment OR n.kind = 'inter' DETACH DELETE n")
    graph.cypher("MATCH ()-[r:INTER|COPY]->() DELETE r")

    without = graph.json("cluster", "--parents", "2", "--copy-similarity", "1")
    before = graph.cypher(NAMES, snapshot=without["snapshot"]["id"])
    assert not graph.cypher("MATCH ()-[copy:COPY]->() RETURN copy")

    found = graph.json("cluster", "--parents", "2")
    assert found["snapshot"]["id"] == grown["snapshot"]["id"]
    assert graph.cypher(LINKS) == joined
    after = graph.cypher(NAMES, snapshot=found["snapshot"]["id"])
    links = graph.cypher("MATCH (a:Video)-[:COPY]->(b:Video) RETURN DISTINCT a.uri AS a, b.uri AS b")
    assert len(links) >= 3
    assert sum(map(same_footage, links)) >= 0.8 * len(links)
    assert sum(map(same_footage, before)) >= 3
    assert sum(map(same_footage, after)) <= 0.25 * sum(map(same_footage, before))

    split = graph.json("cluster", "--parents", "2", "--hold-out", "0.5")
    training = set(graph.store.snapshot_starts(split["training"]["id"]))
    _, copies = graph.store.snapshot_edges(split["snapshot"]["id"])
    assert any("repeat footage that is held out" in note for note in split["notes"])
    assert copies and all((a in training) == (b in training) for a, b in copies)
