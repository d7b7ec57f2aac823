"""A bounded cache of frames between the two passes over a video."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import merge

from ingest.mining.temporal_nms import temporal_nms
from ingest.model import Candidate
from ingest.settings import MiningSettings
from ingest.video.reader import Frame, VideoReader

BUDGET = 192 * 2**20
"""Bytes of decoded pictures that are kept at most. The current shot can hold half as many in addition."""


class FrameCache:
    """Keeps the frames that the second pass needs most likely. Evicted frames are decoded again."""

    def __init__(self, reader: VideoReader, settings: MiningSettings, budget: int | None = None) -> None:
        self.reader = reader
        self._settings = settings
        self._capacity = (BUDGET if budget is None else budget) // reader.picture_bytes
        self._candidates: list[Candidate] = []
        self._frames: dict[int, Frame] = {}

    @property
    def fits_a_track(self) -> bool:
        """Whether there is room for the frames of a track; if not, frames are not worth keeping."""
        return self._capacity > 2 * self._settings.track_frames

    def keep(self, candidate: Candidate, frames: Sequence[Frame]) -> None:
        """Keep the frames of a candidate's track; those of weaker candidates are evicted where room is needed."""
        self._candidates.append(candidate)
        self._frames |= {frame.index: frame for frame in frames}
        if len(self._frames) > self._capacity:
            self._evict()

    def frames_in(self, spans: Sequence[tuple[int, int]]) -> Iterator[Frame]:
        """Yield the frames with an index in one of `spans` (first and last index, inclusive), each once, in order."""
        missing = [span for span in spans if not all(index in self._frames for index in _indices(span))]
        decoded = {index for span in missing for index in _indices(span)}
        kept = {index for span in spans for index in _indices(span)} - decoded
        frames = (self._frames[index] for index in sorted(kept))
        return merge(frames, self.reader.frames_in(missing), key=lambda frame: frame.index)

    def _evict(self) -> None:
        # First the candidates that would be tracked if the video ended here, then those that could replace lost ones.
        tracked = temporal_nms(self._candidates, [], self._settings)
        replacements = sorted(set(self._candidates) - set(tracked), key=lambda candidate: -candidate.motion)
        candidates, kept = [], set[int]()
        for candidate in tracked + replacements:
            extended = kept.union(range(candidate.index, candidate.index + self._settings.track_frames + 1))
            if len(extended) <= self._capacity:
                candidates.append(candidate)
                kept = extended
        self._candidates = candidates
        self._frames = {index: frame for index, frame in self._frames.items() if index in kept}


def _indices(span: tuple[int, int]) -> range:
    return range(span[0], span[1] + 1)
