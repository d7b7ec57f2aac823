"""TODO."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.table import Table

from ingest.quality.edge_statistics import EdgeStatistics
from ingest.quality.label_agreement import EdgeQuality, Share


def statistics_table(snapshot: str, found: EdgeStatistics) -> Table:
    """One number a row."""
    table = Table(title=f"{found.edges:,} INTER edges of {snapshot}", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("starts", f"{found.starts:,}")
    table.add_row("starts with an edge", percent(found.joined))
    table.add_row("edges a start", _number(found.per_start))
    for name, value in found.similarity.items():
        table.add_row(f"similarity, {name}", f"{value:.3f}")
    table.add_row("edges inside one video", percent(found.same_video))
    table.add_row("edges between copies", percent(found.copies))
    of = found.background
    table.add_row("background, joined starts", _number(of.joined))
    table.add_row("background, random starts", _number(of.random))
    table.add_row("background bias (1: none)", _number(of.ratio))
    return table


def statistics_json(found: EdgeStatistics) -> Mapping[str, Any]:
    return asdict(found) | {"background": asdict(found.background) | {"ratio": found.background.ratio}}


def quality_table(snapshot: str, quality: EdgeQuality) -> Table:
    """One kind of agreement a row."""
    table = Table(
        title=f"{quality.labeled:,} of {quality.edges:,} INTER edges of {snapshot} have a label at both ends",
        caption="by chance: over all pairs of starts of different videos",
    )
    for heading in ("the edge joins", "edges", "share", "by chance", "ratio"):
        table.add_column(heading, justify="left" if heading == "the edge joins" else "right")
    rows: dict[str, Share] = {
        "one class": quality.same_class,
        "one class, other look-alike group": quality.same_class_apart,
        "one look-alike group": quality.same_lookalike,
        "one instance": quality.same_instance,
    }
    for name, share in rows.items():
        times = f"{share.ratio:.1f}" if share.ratio is not None else "–"
        table.add_row(name, f"{share.edges:,}", percent(share.share), percent(share.chance), times)
    return table


def percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
