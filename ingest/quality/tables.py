"""Tables and JSON of edge statistics and label agreement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.table import Table

from ingest.quality.edge_statistics import EdgeStatistics
from ingest.quality.label_agreement import LabelAgreement, Share


def statistics_table(snapshot: str, statistics: EdgeStatistics) -> Table:
    table = Table(title=f"{statistics.edges:,} INTER edges of {snapshot}", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("starts", f"{statistics.starts:,}")
    table.add_row("starts with an edge", _percent(statistics.joined))
    table.add_row("edges per start", _number(statistics.per_start))
    for name, value in statistics.similarity.items():
        table.add_row(f"similarity, {name}", f"{value:.3f}")
    table.add_row("edges within one video", _percent(statistics.same_video))
    table.add_row("edges within one shot", _percent(statistics.same_shot))
    table.add_row("edges between copies", _percent(statistics.copies))
    bias = statistics.background
    table.add_row("border color distance, joined starts", _number(bias.joined))
    table.add_row("border color distance, random starts", _number(bias.random))
    table.add_row("background bias (1: none)", _number(bias.ratio))
    return table


def statistics_json(statistics: EdgeStatistics) -> Mapping[str, Any]:
    return asdict(statistics) | {"background": asdict(statistics.background) | {"ratio": statistics.background.ratio}}


def agreement_table(snapshot: str, agreement: LabelAgreement) -> Table:
    """Make a table with a row for each kind of agreement."""
    table = Table(
        title=f"{agreement.labeled:,} of {agreement.edges:,} INTER edges of {snapshot} have a label at both ends",
        caption="by chance: over all pairs of starts of different videos",
    )
    for heading in ("the edge joins", "edges", "share", "by chance", "ratio"):
        table.add_column(heading, justify="left" if heading == "the edge joins" else "right")
    rows: dict[str, Share] = {
        "one class": agreement.same_class,
        "one class, other look-alike group": agreement.same_class_apart,
        "one look-alike group": agreement.same_lookalike,
        "one instance": agreement.same_instance,
    }
    for name, share in rows.items():
        times = f"{share.ratio:.1f}" if share.ratio is not None else "–"
        table.add_row(name, f"{share.edges:,}", _percent(share.share), _percent(share.chance), times)
    return table


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
