"""Purity by extractor: the share of edges within a class, when each extractor clusters the samples.

Uses `AFFINITY_BENCH_SEEDS` seeds (default 1) and a trunk trained for `AFFINITY_BENCH_STEPS` steps (default 20).
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
MIN_PURITY, MIN_RATIO = 0.5, 1.3
"""Targets: the share of edges within a class, and its ratio to that of the paper's options."""
LITERAL = ("--crops", "color", "--whiten", "0")
PLAIN = ("--crops", "gray", "--whiten", "0")
WHITENED = ("--crops", "gray", "--whiten", "128")


def network_rows(name: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return the rows of a network: the options that every network is measured with."""
    return [(name, LITERAL), (name, PLAIN), (name, WHITENED)]


def rows(trunk: Path) -> list[tuple[str, tuple[str, ...]]]:
    """Return for each row of the table the value of `--features`, and further options."""
    return [
        ("hog", ()),
        ("hog", PLAIN),
        ("hog", ("--whiten", "32")),
        ("hog", ("--whiten", "128")),
        *network_rows(f"trunk:{trunk}"),
        (f"hog+trunk:{trunk}", ()),
        (f"hog+trunk:{trunk}", ("--crops", "color")),
        (f"hog+trunk:{trunk}", ("--whiten", "128")),
        *network_rows("torchvision:resnet18"),
        *network_rows("torchvision:alexnet"),
    ]


def measure(graph: Graph, features: str, options: Sequence[str]) -> list[dict[str, Any]]:
    """Run `affinity graph quality` on the samples for every seed."""
    found = []
    for seed in range(SEEDS):
        summary = graph.json("cluster", "--features", features, *options, "--seed", str(seed))
        id = summary["snapshot"]["id"]
        found.append(graph.json("graph", "quality", "--labels", str(SAMPLES / "labels.csv"), "--snapshot", id))
    return found


def share(found: Sequence[dict[str, Any]], kind: str) -> float:
    return mean([float(one[kind]["share"]) for one in found])


def table_row(name: str, found: Sequence[dict[str, Any]]) -> str:
    """Format a row of the table."""
    shares = [one["same_class"]["share"] for one in found]
    bias = mean(one["background"]["ratio"] for one in found)
    edges, starts = mean(one["edges"] for one in found), mean(one["joined"] for one in found)
    apart = share(found, "same_class_apart")
    spread = f"{mean(shares):.1%} ({min(shares):.1%} to {max(shares):.1%})"
    rest = f"{apart:>6.1%} {share(found, 'same_instance'):>6.1%} {edges:>7,.0f} {starts:>6.0%} {bias:>5.2f}"
    return f"  {name:<44} {spread:<26} {rest}"


def train_trunk(graph: Graph) -> Path:
    """Train a trunk on the graph that HOG gives."""
    with graph.service(free_port()) as url:
        graph.run("train", "--run", "bench", "--url", url, "--steps", str(STEPS), *TRAINING)
    return graph.folder.root / "runs" / "bench" / "trunk.safetensors"


def test_purity_by_extractor(graph: Graph) -> None:
    graph.run("ingest", str(SAMPLES / "videos"))
    trunk = train_trunk(graph)
    print(f"\n{SEEDS} seeds of the clustering; the trunk trained for {STEPS} steps")
    heading = ("one class (least to most)", "apart", "inst.", "edges", "starts", "bias")
    print("  {:<44} {:<26} {:>6} {:>6} {:>7} {:>6} {:>5}".format("", *heading))
    purity: dict[str, float] = {}
    for features, options in rows(trunk):
        name = " ".join((features.replace(f":{trunk}", ""), *options))
        found = measure(graph, features, options)
        purity[name] = share(found, "same_class")
        print(table_row(name, found), flush=True)
    report(purity)


def report(purity: dict[str, float]) -> None:
    """Print the results beside the targets; HOG must reach the first."""
    literal = purity["trunk " + " ".join(LITERAL)]
    alone = max(share for name, share in purity.items() if not name.startswith("hog"))
    print(f"  the best network alone {alone:.1%}, hog {purity['hog']:.1%}, hog+trunk {purity['hog+trunk']:.1%}")
    ratio = purity["hog+trunk"] / literal
    print(f"  hog+trunk over the trunk with the paper's options {ratio:.2f}; targets {MIN_PURITY:.0%} and {MIN_RATIO}")
    assert purity["hog"] > MIN_PURITY
