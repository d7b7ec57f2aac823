"""Tracks of 15 and of 30 frames in one graph: each snapshot has one length only."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Graph


def end_suffixes(graph: Graph, snapshot: dict[str, object]) -> set[str]:
    """Return the suffixes of the ids of all track ends in a snapshot, read as the service reads them."""
    found = graph.store.snapshot(str(snapshot["id"]))
    lines = graph.store.segments(found.id)
    counts = zip(lines.intra_first.tolist(), lines.intra_count.tolist(), strict=True)
    keys = [first + at for first, count in counts for at in range(count)]
    return {id.rpartition("-")[2] for id in graph.store.sample_intra(keys, found.fit).end.id}


def test_snapshots_of_both_lengths_exist_side_by_side(graph: Graph, clips: list[Path]) -> None:
    videos = [str(path) for path in clips[:3]]
    long = graph.json("ingest", *videos)["snapshot"]
    short = graph.json("ingest", *videos, "--track-frames", "15", "--remine")["snapshot"]
    assert (long["frames"], short["frames"]) == (30, 15)
    assert (end_suffixes(graph, long), end_suffixes(graph, short)) == ({"e30"}, {"e15"})
    assert graph.run("graph", "check").returncode == 0
    again = graph.json("ingest", *videos)
    assert (again["snapshot"], again["known"]) == (long, 3)
    assert graph.json("cluster", "--track-frames", "15")["snapshot"] == short
    segments = graph.cypher("MATCH (g:Segment {kind: 'intra'}) RETURN g.id AS id")
    files = {path.stem.rpartition("-")[2] for path in graph.folder.features.glob("*/*.npy")}
    assert files == {row["id"] for row in segments}
    shared = graph.cypher("MATCH (a:Start)-[r:INTRA]->(:End) WITH a, collect(r.frames) AS lengths RETURN lengths")
    assert {length for row in shared for length in row["lengths"]} == {15, 30}
