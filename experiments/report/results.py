"""Collect the results of all jobs into the numbers for the tables and plots of docs/experiments.md."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.jobs import Result
from experiments.measure import HeldOut
from experiments.plan import GRAPHS, ROWS, TRUE, Graph, Row
from experiments.report.statistics import Measured, estimate, measured
from experiments.stages import Setup
from experiments.world import BACKGROUNDS, divide, groups
from trainer.evaluation.knn import chance

MEASURES = ("precision", "top1")
COMPARISONS = (
    ("tracking", "context"),
    ("multitask", "tracking"),
    ("transitive", "tracking"),
    ("hog", "tracking"),
    ("network", "tracking"),
    ("literal", "tracking"),
    ("frames-15", "tracking"),
    ("again", "tracking-twice"),
    ("true", "tracking-true"),
    ("true", "tracking"),
    ("transitive", "literal"),
    ("transitive", "hog"),
    ("transitive", "frames-15"),
    ("again", "transitive"),
    ("true", "transitive"),
)
"""Pairs of rows whose difference is reported: the first minus the second."""
INVARIANCE = ("views", "instances", "classes")

Scores = Mapping[str, Sequence[Mapping[str, NDArray[np.float64]]]]
"""The measurements of each row, one entry for each seed."""


def results(setup: Setup, finished: Mapping[str, Result]) -> dict[str, Any]:
    """Return all numbers of the report."""
    scores = {row.name: [_read(setup.scores(row.name, seed)) for seed in _seeds(setup)] for row in ROWS}
    return {
        "date": date.today().isoformat(),
        "machine": f"{setup.workers} cores, {platform.machine()}, CPU only",
        "scale": asdict(setup.scale),
        "world": _world(setup, finished),
        "rows": {row.name: _row(setup, row, scores, finished) for row in ROWS},
        "graphs": graph_results(setup, (*GRAPHS, Graph(TRUE)), finished),
        "differences": [_difference(a, b, scores) for a, b in COMPARISONS],
    }


def graph_results(setup: Setup, graphs: Sequence[Graph], finished: Mapping[str, Result]) -> dict[str, Any]:
    """Return the quality of the edges of each graph."""
    return {graph.name: _graph(setup, graph.name, finished) for graph in graphs}


def write_results(path: Path, summary: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(summary, indent=1) + "\n")


def _seeds(setup: Setup) -> range:
    return range(setup.scale.seeds)


def _read(path: Path) -> dict[str, NDArray[np.float64]]:
    with np.load(path) as file:
        return dict(file)


def _world(setup: Setup, finished: Mapping[str, Result]) -> dict[str, Any]:
    filmed, held_out = divide(setup.world_settings)
    images = HeldOut.read(setup.world.held_out(BACKGROUNDS[0]), groups(), setup.scale.side)
    return {
        "part": setup.part,
        "classes": len({one.kind for one in filmed}),
        "filmed": len(filmed),
        "held_out": len(held_out),
        "held_out_groups": len({one.lookalike for one in held_out}),
        "clips": len(filmed) * setup.scale.clips,
        "tracks": finished["crops"]["tracks"],
        "chance": chance(images.images),
        "attainable": images.attainable,
        "held_out_tracks": finished["tracks"]["tracks"],
    }


def _row(setup: Setup, row: Row, scores: Scores, finished: Mapping[str, Result]) -> dict[str, Any]:
    invariances = [finished[f"measure-{row.name}-{seed}"] for seed in _seeds(setup)]
    found: dict[str, Any] = {"title": row.title, "objective": row.objective, "graph": row.graph}
    for background in BACKGROUNDS:
        for measure in MEASURES:
            values = measured(scores[row.name], measure, background)
            found[f"{measure}-{background}"] = _estimate(values)
    found |= {name: mean(one[name] for one in invariances) for name in INVARIANCE}
    return found


def _estimate(values: Measured) -> dict[str, Any]:
    return {**asdict(estimate(values)), "seeds": values.by_seed}


def _graph(setup: Setup, name: str, finished: Mapping[str, Result]) -> dict[str, Any]:
    found = [finished[f"graph-{name}-{seed}"] for seed in _seeds(setup)]
    return {
        "edges": mean(one["edges"] for one in found),
        "joined": mean(one["joined"] for one in found),
        "same_class": [one["same_class"]["share"] for one in found],
        "chance": found[0]["same_class"]["chance"],
        "apart": mean(one["same_class_apart"]["share"] for one in found),
        "apart_chance": found[0]["same_class_apart"]["chance"],
        "same_instance": mean(one["same_instance"]["share"] for one in found),
        "same_lookalike": mean(one["same_lookalike"]["share"] for one in found),
        "bias": mean(one["background"]["ratio"] for one in found),
    }


def _difference(a: str, b: str, scores: Scores) -> dict[str, Any]:
    found: dict[str, Any] = {"of": a, "less": b}
    for background in BACKGROUNDS:
        for measure in MEASURES:
            difference = measured(scores[a], measure, background) - measured(scores[b], measure, background)
            found[f"{measure}-{background}"] = _estimate(difference)
    return found
