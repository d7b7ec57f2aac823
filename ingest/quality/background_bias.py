"""Whether edges join what lies behind things: colors of the background, which need no labels.

The border of a crop is mostly background. Where a feature matches by it, the borders of joined crops are nearer in
color than those of any two crops.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graphdb.archive.reader import ArchiveReader
from graphdb.model import Location, video_of
from ingest.video.crops import decode_jpeg

BORDER = 0.1
"""Width of the border as a share of the crop's side."""


@dataclass(frozen=True, slots=True)
class Background:
    """Mean distance of border colors, gray levels of 255: of `joined` starts, and of `random` ones of two videos."""

    joined: float | None
    random: float | None
    edges: int

    @property
    def ratio(self) -> float | None:
        """1 where edges do not see the background, 0 where they see nothing else."""
        return self.joined / self.random if self.joined is not None and self.random else None


def chosen(pairs: Sequence[tuple[str, str]], most: int, seed: int = 0) -> list[tuple[str, str]]:
    """At most so many of the pairs."""
    if len(pairs) <= most:
        return list(pairs)
    return [pairs[i] for i in np.random.default_rng(seed).choice(len(pairs), most, replace=False)]


def random_pairs(starts: Sequence[str], count: int, seed: int = 0) -> list[tuple[str, str]]:
    """About `count` pairs of starts of different videos, with replacement; none where there is one video only."""
    if not starts:
        return []
    drawn = np.random.default_rng(seed).integers(0, len(starts), (count, 2)).tolist()
    pairs = [(starts[a], starts[b]) for a, b in drawn]
    return [(a, b) for a, b in pairs if video_of(a) != video_of(b)]


def border_colors(archive: Path, locations: Mapping[str, Location]) -> dict[str, NDArray[np.float64]]:
    """Mean RGB of the border of every crop. Raises DamagedArchive."""
    reader = ArchiveReader(archive)
    colors = {id: border_color(decode_jpeg(reader.read(location))) for id, location in sorted(locations.items())}
    reader.close()
    return colors


def border_color(crop: NDArray[np.uint8]) -> NDArray[np.float64]:
    width = max(1, round(BORDER * len(crop)))
    border = np.ones(crop.shape[:2], bool)
    border[width:-width, width:-width] = False
    mean: NDArray[np.float64] = crop[border].mean(axis=0, dtype=np.float64)
    return mean


def background(
    edges: Iterable[tuple[str, str]], random: Iterable[tuple[str, str]], colors: Mapping[str, NDArray[np.float64]]
) -> Background:
    """The background of joined starts beside that of random ones, by the border colors of their crops."""
    joined = [_distance(colors[a], colors[b]) for a, b in edges]
    chance = [_distance(colors[a], colors[b]) for a, b in random]
    return Background(_mean(joined), _mean(chance), len(joined))


def _distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(a - b))


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
