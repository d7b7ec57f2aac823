"""Background bias: whether edges join starts by what lies behind the objects. No labels are needed.

The border of a crop is mostly background. Where a feature compares the background, the border colors of joined crops
are closer than those of random pairs.
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
"""Width of the border, as a share of the crop's side."""


@dataclass(frozen=True, slots=True)
class BackgroundBias:
    """Mean distance of border colors, in gray levels of 255: of `joined` starts, and of `random` pairs of videos."""

    joined: float | None
    random: float | None
    edges: int

    @property
    def ratio(self) -> float | None:
        """1 where edges ignore the background, 0 where they depend on nothing else."""
        return self.joined / self.random if self.joined is not None and self.random else None


def sample_pairs(pairs: Sequence[tuple[str, str]], size: int, seed: int = 0) -> list[tuple[str, str]]:
    """Draw at most `size` of the pairs."""
    if len(pairs) <= size:
        return list(pairs)
    return [pairs[i] for i in np.random.default_rng(seed).choice(len(pairs), size, replace=False)]


def random_pairs(starts: Sequence[str], count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Draw about `count` pairs of starts of different videos, with replacement; none where there is one video only."""
    if not starts:
        return []
    drawn = np.random.default_rng(seed).integers(0, len(starts), (count, 2)).tolist()
    pairs = [(starts[a], starts[b]) for a, b in drawn]
    return [(a, b) for a, b in pairs if video_of(a) != video_of(b)]


def border_colors(archive: Path, locations: Mapping[str, Location]) -> dict[str, NDArray[np.float64]]:
    """Compute the mean RGB color of the border of every crop, by patch id. Raises DamagedArchive."""
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


def background_bias(
    edges: Iterable[tuple[str, str]], random: Iterable[tuple[str, str]], colors: Mapping[str, NDArray[np.float64]]
) -> BackgroundBias:
    """Compare the border colors of joined starts with those of random pairs; `colors` are by patch id."""
    joined = [_distance(colors[a], colors[b]) for a, b in edges]
    chance = [_distance(colors[a], colors[b]) for a, b in random]
    return BackgroundBias(_mean(joined), _mean(chance), len(joined))


def _distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(a - b))


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
