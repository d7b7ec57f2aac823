"""Format the results as the tables of docs/experiments.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import mean
from typing import Any

Results = Mapping[str, Any]


def tables(results: Results) -> dict[str, str]:
    """Return the tables in Markdown, by name."""
    return {
        "rows": rows_table(results),
        "differences": differences_table(results),
        "graphs": graphs_table(results),
        "invariance": invariance_table(results),
    }


def rows_table(results: Results) -> str:
    """Format the precision of each row on objects that were never filmed."""
    head = ("row", "P@10, defocused", "by seed", "1-NN, defocused", "P@10, sharp", "1-NN, sharp", "edges of one class")
    return table(head, (_row(results, row) for row in results["rows"].values()))


def _row(results: Results, row: Mapping[str, Any]) -> list[str]:
    graph = results["graphs"].get(row["graph"])
    return [
        row["title"],
        _estimate(row["precision-defocused"]),
        ", ".join(_number(one) for one in row["precision-defocused"]["seeds"]),
        _number(row["top1-defocused"]["mean"]),
        _estimate(row["precision-sharp"]),
        _number(row["top1-sharp"]["mean"]),
        _percent(mean(graph["same_class"])) if graph and row["objective"] == "transitive" else "",
    ]


def differences_table(results: Results) -> str:
    """Format the differences between two rows, taken image by image."""
    titles = {name: row["title"] for name, row in results["rows"].items()}
    head = ("first", "less the second", "P@10, defocused", "by seed", "P@10, sharp", "1-NN, defocused")
    lines = (
        [
            titles[one["of"]],
            titles[one["less"]],
            _signed(one["precision-defocused"]),
            ", ".join(f"{seed:+.3f}" for seed in one["precision-defocused"]["seeds"]),
            _signed(one["precision-sharp"]),
            _signed(one["top1-defocused"]),
        ]
        for one in results["differences"]
    )
    return table(head, lines)


def graphs_table(results: Results) -> str:
    """Format the quality of the edges of each graph."""
    head = ("graph", "edges", "starts with one", "one class", "by seed", "apart", "by chance", "one object", "bias")
    lines = (
        [
            f"`{name}`",
            f"{graph['edges']:,.0f}",
            _percent(graph["joined"]),
            _percent(mean(graph["same_class"])),
            ", ".join(_percent(share) for share in graph["same_class"]),
            _percent(graph["apart"]),
            _percent(graph["apart_chance"]),
            _percent(graph["same_instance"]),
            f"{graph['bias']:.2f}",
        ]
        for name, graph in results["graphs"].items()
    )
    return table(head, lines)


def invariance_table(results: Results) -> str:
    """Format the distances between views, between objects and between classes."""
    head = ("row", "D(A, A′)", "D(A, B′)", "D(A, C′)", "D(A, A′) / D(A, C′)", "D(A, B′) / D(A, C′)")
    lines = (
        [
            row["title"],
            *(_number(row[name]) for name in ("views", "instances", "classes")),
            *(f"{row[name] / row['classes']:.2f}" for name in ("views", "instances")),
        ]
        for row in results["rows"].values()
    )
    return table(head, lines)


def table(head: Iterable[str], lines: Iterable[list[str]]) -> str:
    """Format a Markdown table. The first column is text, the others are numbers."""
    names = list(head)
    rule = ["---", *["--:"] * (len(names) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (names, rule, *lines))


def _estimate(one: Mapping[str, float]) -> str:
    return f"{_number(one['mean'])} ({_number(one['low'])} to {_number(one['high'])})"


def _signed(one: Mapping[str, float]) -> str:
    return f"{one['mean']:+.3f} ({one['low']:+.3f} to {one['high']:+.3f})"


def _number(value: float) -> str:
    return f"{value:.3f}"


def _percent(share: float) -> str:
    return f"{share:.1%}"
