"""Sample whole frames: each pass over a snapshot's tracks gives the frame in which each track starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from api.sampling.cache import GraphCache
from api.sampling.order import passes
from api.sampling.snapshot_index import SnapshotIndex
from graphdb.errors import FramesNotKept
from graphdb.model import Frames, Integers
from graphdb.store.graph import GraphStore


@dataclass(frozen=True, slots=True)
class FrameQuery:
    """A request for frames. Its answer depends on the query and the snapshot only."""

    seed: int
    position: int
    count: int

    def as_dict(self) -> dict[str, int]:
        return {"seed": self.seed, "position": self.position, "count": self.count}


class FrameSample(NamedTuple):
    """N frames with their positions and epochs."""

    position: Integers
    epoch: Integers
    frames: Frames


async def sample_frames(store: GraphStore, cache: GraphCache, index: SnapshotIndex, query: FrameQuery) -> FrameSample:
    """Return the frames at the positions of the query. Raises FramesNotKept and GraphTooSlow."""
    if not index.intra.total:
        raise FramesNotKept(0, 0)
    position = np.arange(query.position, query.position + query.count)
    track, epoch = passes(query.seed, "frame", index.intra.total, position)
    return FrameSample(position, epoch, await cache.call(store.sample_frames, index.intra.at(track)))
