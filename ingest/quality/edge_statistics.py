"""Statistics of the INTER edges of a snapshot that need no labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from foundation.data_folder import DataFolder
from graphdb.model import Take, video_of
from graphdb.store.graph import GraphStore
from ingest.quality.background_bias import (
    BackgroundBias,
    background_bias,
    border_colors,
    random_pairs,
    sample_pairs,
)
from ingest.quality.label_agreement import ratio

MAX_PAIRS = 2000
"""Edges, and random pairs, whose crops are compared: enough for a mean, few enough for a large graph."""

QUANTILES = {"lowest": 0.0, "quarter": 0.25, "half": 0.5, "three quarters": 0.75, "highest": 1.0}


@dataclass(frozen=True, slots=True)
class EdgeStatistics:
    """Counts and shares of the INTER edges of a snapshot. A share is None where there are no edges."""

    starts: int
    edges: int
    joined: float | None
    """Share of the starts that have an edge."""
    per_start: float | None
    """Edges of a start, on average over all starts."""
    similarity: dict[str, float]
    """Quantiles of the edges' similarity."""
    same_video: float | None
    """Share of the edges that join two starts of one video."""
    same_shot: float | None
    """Share of the edges that join two starts of one shot, as far as shots are known."""
    copies: float | None
    """Share of the edges that join videos which are linked by COPY."""
    background: BackgroundBias


def edge_statistics(store: GraphStore, snapshot: str, folder: DataFolder) -> EdgeStatistics:
    """Compute the statistics of a snapshot's INTER edges. Raises DamagedArchive."""
    starts = [id for _, ids in store.snapshot_starts(snapshot).values() for id in ids]
    edges, copies = store.snapshot_edges(snapshot)
    pairs = sorted((a, b) for a, b, _ in edges)
    joined, random = sample_pairs(pairs, MAX_PAIRS), random_pairs(sorted(starts), MAX_PAIRS)
    colors = border_colors(folder.archive, store.pixels(sorted({id for pair in joined + random for id in pair})))
    videos = [(video_of(a), video_of(b)) for a, b in pairs]
    takes = store.snapshot_takes(snapshot)
    shots = [(_shot(a, takes), _shot(b, takes)) for a, b in pairs]
    return EdgeStatistics(
        starts=len(starts),
        edges=len(edges),
        joined=ratio(len({id for pair in pairs for id in pair}), len(starts)),
        per_start=ratio(2 * len(edges), len(starts)),
        similarity=_quantiles([similarity for _, _, similarity in edges]),
        same_video=ratio(sum(a == b for a, b in videos), len(edges)),
        same_shot=ratio(sum(a is not None and a == b for a, b in shots), len(edges)),
        copies=ratio(sum((min(pair), max(pair)) in copies for pair in videos), len(edges)),
        background=background_bias(joined, random, colors),
    )


def _shot(start: str, takes: Mapping[str, Take]) -> tuple[str, int] | None:
    """Return the video and the shot of a start, if its shot is known."""
    return (video_of(start), takes[start].shot) if start in takes else None


def _quantiles(values: list[float]) -> dict[str, float]:
    return {name: float(np.quantile(values, at)) for name, at in QUANTILES.items()} if values else {}
