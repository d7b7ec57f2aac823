"""Edges by extractor: the samples clustered by each, under several seeds, and how many edges join one class.

`AFFINITY_BENCH_SEEDS` seeds (1 where it is not set) and a trunk trained for `AFFINITY_BENCH_STEPS` steps (20):
`make bench-extractors SEEDS=5 STEPS=420` gives the table of docs/benchmarks.md.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from tests.conftest import SAMPLES, Graph, free_port

SEEDS = int(os.environ.get("AFFINITY_BENCH_SEEDS") or 1)
STEPS = int(os.environ.get("AFFINITY_BENCH_STEPS") or 20)
TRAINING = (
    "--trunk",
    "resnet18",
    "--image-size",
    "64",
    "--batch",
    "32",
    "--augment",
    "mirror,crop,color",
    "--lr",
    "0.01",
)
PURE, TIMES = 0.5, 1.3
"""Share of the edges that should join one class, and how many times that of the literal recipe."""
LITERAL = ("--crops", "color", "--whiten", "0")
PLAIN = ("--crops", "gray", "--whiten", "0")
WHITENED = ("--crops", "gray", "--whiten", "128")


def rows_of(name: str) -> list[tuple[str, tuple[str, ...]]]:
    """The recipes that every network is tried with."""
    return [(name, LITERAL), (name, PLAIN), (name, WHITENED)]


def recipes(trunk: Path) -> list[tuple[str, tuple[str, ...]]]:
    """Each row: what `--features` gets, and the options beside it."""
    return [
        ("hog", ()),
        ("hog", PLAIN),
        ("hog", ("--whiten", "32")),
        ("hog", ("--whiten", "128")),
        *rows_of(f"trunk:{trunk}"),
        (f"hog+trunk:{trunk}", ()),
        (f"hog+trunk:{trunk}", ("--crops", "color")),
        (f"hog+trunk:{trunk}", ("--whiten", "128")),
        *rows_of("torchvision:resnet18"),
        *rows_of("torchvision:alexnet"),
    ]


def judged(graph: Graph, features: str, options: Sequence[str]) -> list[dict[str, Any]]:
    """`affinity graph quality` of the samples under every seed."""
    found = []
    for seed in range(SEEDS):
        summary = graph.json("cluster", "--features", features, *options, "--seed", str(seed))
        id = summary["snapshot"]["id"]
        found.append(graph.json("graph", "quality", "--labels", str(SAMPLES / "labels.csv"), "--snapshot", id))
    return found


def share(found: Sequence[dict[str, Any]], kind: str) -> float:
    return mean([float(one[kind]["share"]) for one in found])


def told(name: str, found: Sequence[dict[str, Any]]) -> str:
    """A row of the table."""
    shares = [one["same_class"]["share"] for one in found]
    bias = mean(one["background"]["ratio"] for one in found)
    edges, starts = mean(one["edges"] for one in found), mean(one["joined"] for one in found)
    apart = share(found, "same_class_apart")
    spread = f"{mean(shares):.1%} ({min(shares):.1%} to {max(shares):.1%})"
    rest = f"{apart:>6.1%} {share(found, 'same_instance'):>6.1%} {edges:>7,.0f} {starts:>6.0%} {bias:>5.2f}"
    return f"  {name:<44} {spread:<26} {rest}"


def trained(graph: Graph) -> Path:
    """A trunk trained on the graph that HOG gave."""
    with graph.service(free_port()) as url:
        graph.run("train", "--run", "bench", "--url", url, "--steps", str(STEPS), *TRAINING)
    return graph.folder.root / "runs" / "bench" / "trunk.safetensors"


def test_edges_by_extractor(graph: Graph) -> None:
    graph.run("ingest", str(SAMPLES / "videos"))
    trunk = trained(graph)
    print(f"\n{SEEDS} seeds of the clustering; the trunk trained for {STEPS} steps")
    heading = ("one class (least to most)", "apart", "inst.", "edges", "starts", "bias")
    print("  {:<44} {:<26} {:>6} {:>6} {:>7} {:>6} {:>5}".format("", *heading))
    pure: dict[str, float] = {}
    for features, options in recipes(trunk):
        name = " ".join((features.replace(f":{trunk}", ""), *options))
        found = judged(graph, features, options)
        pure[name] = share(found, "same_class")
        print(told(name, found), flush=True)
    report(pure)


def report(pure: dict[str, float]) -> None:
    """The bars, and what became of them; a graph by HOG must hold the first."""
    literal = pure["trunk " + " ".join(LITERAL)]
    alone = max(share for name, share in pure.items() if not name.startswith("hog"))
    print(f"  the best network alone {alone:.1%}; hog {pure['hog']:.1%}, hog+trunk {pure['hog+trunk']:.1%} ", end="")
    print(f"({pure['hog+trunk'] / literal:.2f} times the trunk's literal recipe; bars {PURE:.0%} and {TIMES})")
    assert pure["hog"] > PURE
