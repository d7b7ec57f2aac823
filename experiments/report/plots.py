"""Draw the plots of docs/experiments.md."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

Results = Mapping[str, Any]
COLORS = {"defocused": "#1f4e79", "sharp": "#c55a11"}


def draw_rows(results: Results, path: Path) -> None:
    """Draw the P@10 of each row with its interval, on both backgrounds. Small marks are single seeds."""
    rows = list(results["rows"].items())
    figure, axes = plt.subplots(figsize=(8, 0.45 * len(rows) + 1.2), layout="constrained")
    for shift, (background, color) in zip((-0.16, 0.16), COLORS.items(), strict=True):
        for position, (_, row) in enumerate(rows):
            estimate = row[f"precision-{background}"]
            axes.plot([estimate["low"], estimate["high"]], [position + shift] * 2, color=color, linewidth=2, alpha=0.5)
            axes.plot(estimate["seeds"], [position + shift] * len(estimate["seeds"]), "|", color=color, markersize=7)
            label = f"{background} backgrounds" if position == 0 else None
            axes.plot(estimate["mean"], position + shift, "o", color=color, markersize=5, label=label)
    axes.set_yticks(range(len(rows)), [row["title"] for _, row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("precision at 10 on pool5")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper right", ncols=2, frameon=False)
    _save(figure, path)


def draw_purity(results: Results, path: Path) -> None:
    """Plot, for each seed, the share of edges that join one class against the P@10 of the training on them."""
    figure, axes = plt.subplots(figsize=(8, 4.2), layout="constrained")
    for row in results["rows"].values():
        graph = results["graphs"].get(row["graph"])
        if graph and row["objective"] == "transitive":
            seeds = row["precision-defocused"]["seeds"]
            axes.plot(graph["same_class"], seeds, "o", markersize=6, alpha=0.8, label=row["title"])
    for name, style in (("tracking", "--"), ("context", ":")):
        if row := results["rows"].get(name):
            level = row["precision-defocused"]["mean"]
            axes.axhline(level, color="gray", linestyle=style, linewidth=1, label=row["title"])
    axes.set_xlabel("share of the INTER edges that join one class")
    axes.set_ylabel("P@10, defocused backgrounds")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
