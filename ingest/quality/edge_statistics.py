"""The edges of a published snapshot, judged: by themselves, and beside labels that nothing was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlparse

import numpy as np

from foundation.data_folder import DataFolder
from graphdb.model import video_of
from graphdb.store.graph import GraphStore
from ingest.quality.background_bias import Background, background, border_colors, chosen, random_pairs
from ingest.quality.label_agreement import EdgeQuality, edge_quality, labels_of, ratio, read_labels

PAIRS = 2000
"""Edges, and as many random pairs, whose crops are looked at: enough for a mean, few enough for a large graph."""
QUANTILES = {"lowest": 0.0, "quarter": 0.25, "half": 0.5, "three quarters": 0.75, "highest": 1.0}


@dataclass(frozen=True, slots=True)
class EdgeStatistics:
    """What INTER edges are like, without any label. Shares of no edges are None."""

    starts: int
    edges: int
    joined: float | None
    """Share of the starts that have an edge."""
    per_start: float | None
    """Edges a start has, on average over all starts."""
    similarity: dict[str, float]
    """Quantiles of the edges' similarity."""
    same_video: float | None
    """Share of the edges that join two starts of one video."""
    copies: float | None
    """Share of the edges that join videos which are linked by COPY."""
    background: Background


def statistics(store: GraphStore, snapshot: str, folder: DataFolder) -> EdgeStatistics:
    """Judge the INTER edges of a snapshot without labels. Raises DamagedArchive."""
    starts = [id for _, ids in store.snapshot_starts(snapshot).values() for id in ids]
    edges, copies = store.snapshot_edges(snapshot)
    pairs = sorted((a, b) for a, b, _ in edges)
    joined, random = chosen(pairs, PAIRS), random_pairs(sorted(starts), PAIRS)
    colors = border_colors(folder.archive, store.pixels(sorted({id for pair in joined + random for id in pair})))
    videos = [(video_of(a), video_of(b)) for a, b in pairs]
    return EdgeStatistics(
        starts=len(starts),
        edges=len(edges),
        joined=ratio(len({id for pair in pairs for id in pair}), len(starts)),
        per_start=ratio(2 * len(edges), len(starts)),
        similarity=_quantiles([similarity for _, _, similarity in edges]),
        same_video=ratio(sum(a == b for a, b in videos), len(edges)),
        copies=ratio(sum((min(pair), max(pair)) in copies for pair in videos), len(edges)),
        background=background(joined, random, colors),
    )


def judge(store: GraphStore, snapshot: str, labels: Path) -> EdgeQuality:
    """How many INTER edges of the snapshot join one class. Raises BadLabels."""
    named = read_labels(labels)
    starts = store.snapshot_starts(snapshot)
    files = {video: Path(unquote(urlparse(uri).path)) for video, (uri, _) in starts.items()}
    by_video = labels_of(named, files, labels)
    return edge_quality(store.snapshot_inter(snapshot), (id for _, ids in starts.values() for id in ids), by_video)


def _quantiles(values: list[float]) -> dict[str, float]:
    return {name: float(np.quantile(values, at)) for name, at in QUANTILES.items()} if values else {}
