"""The results as the pictures of docs/experiments.md."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

Results = Mapping[str, Any]
COLORS = {"defocused": "#1f4e79", "sharp": "#c55a11"}
CONTROLS = ("random", "context", "supervised", "true")
"""Rows that are references."""


def draw_rows(results: Results, path: Path) -> None:
    """P@10 of every row with its interval, on both backgrounds; points are the seeds."""
    rows = list(results["rows"].items())
    figure, axes = plt.subplots(figsize=(8, 0.45 * len(rows) + 1.2), layout="constrained")
    for shift, (background, color) in zip((-0.16, 0.16), COLORS.items(), strict=True):
        for at, (_, row) in enumerate(rows):
            one = row[f"precision-{background}"]
            axes.plot([one["low"], one["high"]], [at + shift] * 2, color=color, linewidth=2, alpha=0.5)
            axes.plot(one["seeds"], [at + shift] * len(one["seeds"]), "|", color=color, markersize=7)
            label = f"{background} backgrounds" if at == 0 else None
            axes.plot(one["mean"], at + shift, "o", color=color, markersize=5, label=label)
    axes.set_yticks(range(len(rows)), [row["title"] for _, row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("precision at 10 on pool5, objects that were never filmed (95 % interval; ticks: seeds)")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="lower right", frameon=False)
    _save(figure, path)


def draw_purity(results: Results, path: Path) -> None:
    """What edges are worth: the share that joins one class, and the P@10 of what was trained on them."""
    figure, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    for row in results["rows"].values():
        graph = results["graphs"].get(row["graph"])
        if graph and not row["title"].startswith(("Tracking", "Multi")):
            one, share = row["precision-defocused"], mean(graph["same_class"])
            axes.plot([share, share], [one["low"], one["high"]], color=COLORS["defocused"], alpha=0.3)
            axes.plot(graph["same_class"], one["seeds"], "o", color=COLORS["defocused"], markersize=4, alpha=0.6)
            axes.annotate(row["title"].removeprefix("Transitive, "), (share, one["high"]), ha="center", fontsize=7)
    _level(axes, results, "tracking", "Tracking")
    _level(axes, results, "context", "Context")
    axes.set_xlabel("share of the INTER edges that join one class")
    axes.set_ylabel("P@10, defocused backgrounds")
    axes.grid(alpha=0.3)
    _save(figure, path)


def _level(axes: Axes, results: Results, name: str, title: str) -> None:
    if name in results["rows"]:
        level = results["rows"][name]["precision-defocused"]["mean"]
        axes.axhline(level, color="gray", linestyle="--", linewidth=1)
        axes.annotate(title, (axes.get_xlim()[0], level), fontsize=8, color="gray", va="bottom")


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
