"""Choose which candidates of a video are tracked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ingest.model import Candidate
from ingest.settings import MiningSettings


def temporal_nms(candidates: Iterable[Candidate], tracked: Sequence[int], settings: MiningSettings) -> list[Candidate]:
    """Return the candidates with the most motion, strongest first (non-maximum suppression in time).

    They are at least `gap` frames from each other and from the frames `tracked`; with these, they are at most
    `max_patches`.
    """
    chosen: list[Candidate] = []
    frames = list(tracked)
    for candidate in sorted(candidates, key=lambda each: (-each.motion, each.index)):
        if len(frames) < settings.max_patches and all(abs(candidate.index - at) >= settings.gap for at in frames):
            chosen.append(candidate)
            frames.append(candidate.index)
    return chosen
