"""Which starts of one video compete: with `--same-video shot`, a film gives a linked graph by itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SAMPLES, Graph
from tests.films import cut_together

EDGES = """
MATCH (:Snapshot {id: $snapshot})-[:USES]->(g:Segment {kind: 'inter'})
MATCH (a:Start)-[r:INTER]->(b:Start) WHERE r.key >= g.first AND r.key < g.first + g.count
MATCH (a)-[:FROM]->(v:Video), (b)-[:FROM]->(w:Video)
RETURN v.id = w.id AS same_video, a.shot = b.shot AS same_shot
"""
LINKED = ("--parents", "2", "--min-parent-size", "4", "--max-patches", "100")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two films of 24 shots, with chairs and persons in both."""
    folder = tmp_path_factory.mktemp("films")
    shown = [sorted((SAMPLES / "videos").glob(f"{name}-*.mp4"))[:24] for name in ("chair", "person")]
    return [cut_together(shown[0][part::2] + shown[1][part::2], folder / f"{part}.mp4") for part in (0, 1)]


def edges(graph: Graph, result: dict[str, Any]) -> list[dict[str, Any]]:
    return graph.cypher(EDGES, snapshot=result["snapshot"]["id"])


def ingest(graph: Graph, films: Sequence[Path], same_video: str) -> dict[str, Any]:
    return graph.json("ingest", *map(str, films), *LINKED, "--same-video", same_video)


def test_one_film_gives_edges_between_its_shots_and_a_later_film_the_same_as_both_at_once(
    graph: Graph, films: list[Path]
) -> None:
    assert not edges(graph, ingest(graph, films[:1], "representative"))
    alone = edges(graph, ingest(graph, films[:1], "shot"))
    assert alone and not any(edge["same_shot"] for edge in alone)

    grown = ingest(graph, films, "shot")
    joined = edges(graph, grown)
    within = [edge for edge in joined if edge["same_video"]]
    assert within and len(within) < len(joined)
    assert not any(edge["same_shot"] for edge in within)
    graph.cypher("MATCH (n:Snapshot|Segment|Child) WHERE NOT n:Segment OR n.kind = 'inter' DETACH DELETE n")
    graph.cypher("MATCH ()-[r:INTER|COPY]->() DELETE r")
    assert ingest(graph, films, "shot")["snapshot"]["id"] == grown["snapshot"]["id"]
