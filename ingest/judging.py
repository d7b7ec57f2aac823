"""The edges of a published snapshot beside labels that nothing was trained on."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlparse

from rich.table import Table

from graphdb.store import GraphStore
from ingest.quality import EdgeQuality, Share, edge_quality, read_labels


def judge(store: GraphStore, snapshot: str, labels: Path) -> EdgeQuality:
    """How many INTER edges of the snapshot join one class. Raises BadLabels."""
    named = read_labels(labels)
    starts = store.snapshot_starts(snapshot)
    files = {video: Path(unquote(urlparse(uri).path)).name for video, (uri, _) in starts.items()}
    by_video = {video: named[file] for video, file in files.items() if file in named}
    return edge_quality(store.snapshot_inter(snapshot), (id for _, ids in starts.values() for id in ids), by_video)


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
        ratio = f"{share.ratio:.1f}" if share.ratio is not None else "–"
        table.add_row(name, f"{share.edges:,}", percent(share.share), percent(share.chance), ratio)
    return table


def percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
