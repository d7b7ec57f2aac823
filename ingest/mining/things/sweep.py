"""Sweep over the frames of a video once, and find tracks of everything that moves by itself."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import NamedTuple

import numpy as np

from ingest.mining.things.association import Things
from ingest.mining.things.background import Background, shown_cells
from ingest.mining.things.camera import camera_motion
from ingest.mining.things.fragments import find_fragments, group_fragments
from ingest.mining.things.pairing import Confirm, Pairing
from ingest.mining.things.samples import CELL, STILL, Sample, sample_stride, soften
from ingest.mining.things.silhouettes import REACHES, silhouettes
from ingest.mining.things.thing import Thing
from ingest.mining.things.views import View, Viewer
from ingest.model import MinedTrack
from ingest.rejections import Funnel, Rejection
from ingest.settings import MiningSettings
from ingest.video.reader import Frame
from ingest.video.shot_boundaries import ShotBoundaryDetector

import cv2

_MIN_SHORT_SIDE = 48
_HISTORY = 2.0
"""Seconds of small gray samples that are kept."""
_FIRST_FRAMES = 25
"""Frames whose times tell how far samples are apart."""


class Swept(NamedTuple):
    """What a sweep found."""

    tracks: list[MinedTrack]
    shots: list[int]
    """Numbers of the first frames of the shots."""


def sweep(frames: Iterable[Frame], settings: MiningSettings, funnel: Funnel, confirm: Confirm) -> Swept:
    """Return the tracks of all things in consecutive frames of a video, in order of their starts, and the shots.

    The first frame may have any index and time. `funnel` counts what became of each thing and of each start.
    """
    remaining = iter(frames)
    first = list(islice(remaining, _FIRST_FRAMES))
    if not first:
        return Swept([], [])
    seconds = float(np.median(np.diff([frame.time for frame in first]))) if len(first) > 1 else 1.0
    lengths = (settings.track_frames,)
    stride = sample_stride(seconds, settings.pair_seconds, lengths)
    state = _Sweep(first[0], stride * seconds, lengths, settings, funnel, confirm)
    for frame in chain(first, remaining):
        funnel.frames += 1
        if frame.index % stride == 0:
            state.add(frame)
    state.end_shot()
    return Swept(state.tracks(), state.shots)


class _Sweep:
    def __init__(
        self, first: Frame, seconds: float, lengths: tuple[int, ...], settings: MiningSettings, funnel: Funnel, confirm: Confirm
    ) -> None:
        width, height = first.video.width, first.video.height
        short, long = sorted((width, height))
        scale = min(1.0, max(settings.work_side / long, _MIN_SHORT_SIDE / short))
        self._size = round(width * scale), round(height * scale)
        self._seconds = seconds
        self._lengths = lengths
        self._settings = settings
        self._funnel = funnel
        self._pairing = Pairing(Viewer(width, height, scale, settings), lengths, settings, funnel, confirm)
        self._viewer = self._pairing._viewer
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        # Refining takes half of the time, and things and camera are found as well without.
        self._flow.setVariationalRefinementIterations(0)
        self._boundaries = ShotBoundaryDetector(settings)
        self._births: dict[int, int] = {}
        self.shots: list[int] = []
        self._start_shot(first.index, 1)

    def _start_shot(self, index: int, next_thing: int) -> None:
        self._shot: deque[Sample] = deque()
        self._shot_start = index
        self.shots.append(index)
        self._things = Things(self._size[1] // CELL, self._size[0] // CELL, next_thing)
        self._background = Background(self._seconds)
        self._at = 0
        self._count = 0
        """Position of the next sample to judge."""

    def add(self, frame: Frame) -> None:
        gray = np.ascontiguousarray(frame.scaled(*self._size, "gray"))
        if self._boundaries.is_boundary(gray):
            self.end_shot()
            self._start_shot(frame.index, self._things.next_number)
        sample = Sample(frame.index, frame.time, frame, gray, soften(gray), STILL)
        if self._shot:
            last = self._shot[-1]
            last.flow = self._flow.calc(last.gray, gray, None)
            last.camera = camera_motion(
                last, sample, last.flow, [thing.extent for thing in self._things.present], self._settings
            )
            sample.pose = last.pose if last.camera is None or last.camera is STILL else last.camera @ last.pose
        self._background.add(sample, bool(self._shot) and self._shot[-1].camera is STILL)
        self._shot.append(sample)
        while self._at < len(self._shot) - 1 and frame.time - self._shot[self._at].time >= REACHES[-1] - 1e-3:
            self._judge()

    def end_shot(self) -> None:
        while self._at < len(self._shot) - 1:
            self._judge()
        for thing in self._things.present:
            self._end(thing)
        self._things.present = []

    def _judge(self) -> None:
        at, shot = self._at, self._shot
        sample = shot[at]
        if at > 0:
            flow = shot[at - 1].flow
            assert flow is not None
            self._things.carry(flow)
            self._pairing.carry(flow)
        self._count += 1
        mask = silhouettes(shot, at, self._settings)
        if mask is None:
            mask = np.zeros((self._size[1] // CELL, self._size[0] // CELL), np.uint8)
        shown = self._background.shown(sample)
        background = shown_cells(shown)
        mask[background] = 0
        assert sample.flow is not None
        seconds = shot[at + 1].time - sample.time
        fragments = find_fragments(mask, sample.flow, sample.camera)
        groups = group_fragments(fragments, self._things.owners(fragments), seconds)
        for thing in self._things.associate(sample, groups, background, seconds):
            self._end(thing)
        for thing in self._things.present:
            self._births.setdefault(thing.number, sample.index)
            view = self._viewer.view(thing, sample, groups, shown, self._count)
            if isinstance(view, View):
                thing.clean += 1
            else:
                thing.unclean[view] += 1
            self._pairing.look(thing, view, groups, shot, at, self._shot_start)
        if at > 0:
            shot[at - 1].release()
        self._at += 1
        while self._at > 1 and sample.index - shot[0].index > max(self._lengths) and sample.time - shot[0].time > _HISTORY:
            shot.popleft()
            self._at -= 1

    def _end(self, thing: Thing) -> None:
        self._funnel.examined += 1
        if thing.clean:
            self._funnel.candidates += 1
        else:
            reason = max(thing.unclean, key=lambda each: (thing.unclean[each], each), default=Rejection.BRIEF)
            self._funnel.rejected[reason] += 1
        self._pairing.forget(thing)

    def tracks(self) -> list[MinedTrack]:
        found = sorted(self._pairing.tracks, key=lambda each: (each[2].start.frame, each[0], each[2].frames))
        numbers: dict[int, int] = {}
        for thing in sorted({thing for thing, _, _ in found}):
            numbers[thing] = len(numbers)
        self._funnel.tracks = len(found)
        return [replace(track, thing=numbers[thing]) for thing, _, track in found]
