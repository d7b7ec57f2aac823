"""From positions to whole frames: each pass over a snapshot's tracks gives the frame that each of them starts in."""

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
    """A request, but for its snapshot: with it, the only things that an answer depends on."""

    seed: int
    position: int
    count: int

    def as_dict(self) -> dict[str, int]:
        return {"seed": self.seed, "position": self.position, "count": self.count}


class FrameSample(NamedTuple):
    """N frames, and where in which pass they stand."""

    position: Integers
    epoch: Integers
    frames: Frames


async def sample_frames(
    store: GraphStore, windows: GraphCache, source: SnapshotIndex, query: FrameQuery
) -> FrameSample:
    """The frames that the query asks for, always the same. Raises FramesNotKept and GraphTooSlow."""
    if not source.intra.total:
        raise FramesNotKept(0, 0)
    position = np.arange(query.position, query.position + query.count)
    index, epoch = passes(query.seed, "frame", source.intra.total, position)
    return FrameSample(position, epoch, await windows.ask(store.sample_frames, source.intra.at(index)))
