"""From context to a graph, to a training on it, to a graph again: each gives what the next one takes."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import Graph, free_port

SMALL = ("--image-size", "32", "--head", "16,8", "--batch", "8", "--steps", "2", "--threads", "1")
FIT = ("--parents", "2", "--members", "2")


def test_context_gives_a_graph_and_that_a_training_and_that_a_graph_again(graph: Graph, clips: list[Path]) -> None:
    graph.run("ingest", *map(str, clips[:8]), *FIT)
    runs = graph.folder.root / "runs"
    snapshots = [graph.store.snapshot("latest").id]
    with graph.service(free_port()) as url:
        for run, given in (
            ("context", ("--objective", "context", "--trunk", "timm:test_resnet")),
            (
                "ours",
                (
                    "--mix",
                    "intra:1",
                    "--trunk",
                    "timm:test_resnet",
                    "--init",
                    str(runs / "context" / "trunk.safetensors"),
                ),
            ),
        ):
            graph.run("train", "--run", run, *given, *SMALL, "--url", url)
            trunk = runs / run / "trunk.safetensors"
            snapshots.append(graph.json("cluster", "--features", f"trunk:{trunk}", *FIT)["snapshot"]["id"])
            card = json.loads(trunk.with_suffix(".json").read_text())
            assert card["settings"]["objective"] == ("context" if run == "context" else "transitive")
    assert len(set(snapshots)) == 3
    assert graph.run("graph", "check").returncode == 0
