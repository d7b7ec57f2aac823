"""Frames kept from the first pass, so that the second need not decode them again; bounded, whatever the video."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import merge

from ingest.mining.candidates import temporal_nms
from ingest.model import Candidate
from ingest.settings import MiningSettings
from ingest.video.reader import Frame, VideoReader

BUDGET = 192 * 2**20
"""Bytes of decoded pictures kept at most; the shot that is looked at may hold half as many besides."""


class FrameCache:
    """Pictures of the tracks of the strongest candidates so far. What was let go is decoded again."""

    def __init__(self, reader: VideoReader, settings: MiningSettings, budget: int | None = None) -> None:
        self.reader = reader
        self._settings = settings
        self._most = (BUDGET if budget is None else budget) // reader.picture_bytes
        self._candidates: list[Candidate] = []
        self._frames: dict[int, Frame] = {}

    @property
    def holds_a_track(self) -> bool:
        """Whether the frames of one track fit; where they do not, no picture is worth waiting for."""
        return self._most > 2 * self._settings.track_frames

    def keep(self, candidate: Candidate, frames: Sequence[Frame]) -> None:
        """Keep the frames from the candidate on, to the end of its track; weaker candidates make room."""
        self._candidates.append(candidate)
        self._frames |= {frame.index: frame for frame in frames}
        if len(self._frames) > self._most:
            self._let_go()

    def windows(self, spans: Sequence[tuple[int, int]]) -> Iterator[Frame]:
        """The frames whose index lies in one of `spans` (both ends included), each once, in order."""
        missing = [span for span in spans if not all(index in self._frames for index in _indices(span))]
        decoded = {index for span in missing for index in _indices(span)}
        recalled = {index for span in spans for index in _indices(span)} - decoded
        frames = (self._frames[index] for index in sorted(recalled))
        return merge(frames, self.reader.windows(missing), key=lambda frame: frame.index)

    def _let_go(self) -> None:
        # First those that would be tracked if the video ended here, then those that would take a lost one's place.
        first = temporal_nms(self._candidates, [], self._settings)
        others = sorted(set(self._candidates) - set(first), key=lambda candidate: -candidate.motion)
        candidates, kept = [], set[int]()
        for candidate in first + others:
            with_it = kept.union(range(candidate.index, candidate.index + self._settings.track_frames + 1))
            if len(with_it) <= self._most:
                candidates.append(candidate)
                kept = with_it
        self._candidates = candidates
        self._frames = {index: frame for index, frame in self._frames.items() if index in kept}


def _indices(span: tuple[int, int]) -> range:
    return range(span[0], span[1] + 1)
