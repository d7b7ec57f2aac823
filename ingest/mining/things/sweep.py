"""Sweep over the frames of a video once, and find tracks of everything that moves by itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain, islice
from typing import NamedTuple

import cv2
import numpy as np

from ingest.mining.motion import GrayImage
from ingest.mining.things.association.fragments import Groups, find_fragments, group_fragments
from ingest.mining.things.association.thing import Thing
from ingest.mining.things.association.things import Things
from ingest.mining.things.motion.background import Background, shown_cells
from ingest.mining.things.motion.camera import camera_motion
from ingest.mining.things.motion.samples import CELL, STILL, Sample, sample_stride, soften
from ingest.mining.things.motion.silhouettes import REACHES, silhouettes
from ingest.mining.things.pairing.pairing import Confirm, Pairing
from ingest.mining.things.pairing.scene import Scene
from ingest.mining.things.pairing.views import View, Viewer
from ingest.model import MinedTrack
from ingest.rejections import Funnel, Rejection
from ingest.settings import MiningSettings
from ingest.video.reader import Frame
from ingest.video.shot_boundaries import ShotBoundaryDetector

_MIN_SHORT_SIDE = 48
"""Shortest side of the small frames, pixels: OpenCV's DIS flow crashes the process on frames below 32."""
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
    state.end_shot(Rejection.VIDEO_ENDED)
    return Swept(state.tracks(), state.shots)


class _Sweep:
    """The state between two frames."""

    def __init__(
        self,
        first: Frame,
        seconds: float,
        lengths: tuple[int, ...],
        settings: MiningSettings,
        funnel: Funnel,
        confirm: Confirm,
    ) -> None:
        """`seconds` is the time from one sample to the next."""
        width, height = first.video.width, first.video.height
        short, long = sorted((width, height))
        scale = min(1.0, max(settings.work_side / long, _MIN_SHORT_SIDE / short))
        self._size = round(width * scale), round(height * scale)
        self._seconds = seconds
        self._longest = max(lengths)
        self._settings = settings
        self._funnel = funnel
        self._viewer = Viewer(width, height, scale, settings)
        self._pairing = Pairing(self._viewer, lengths, settings, funnel, confirm)
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        # Refining takes half of the time, and things and camera are found as well without.
        self._flow.setVariationalRefinementIterations(0)
        self._boundaries = ShotBoundaryDetector(settings)
        self.shots: list[int] = []
        self._start_shot(first.index, 1)

    def _start_shot(self, index: int, next_thing: int) -> None:
        self.shots.append(index)
        self._shot: deque[Sample] = deque()
        self._things = Things(self._size[1] // CELL, self._size[0] // CELL, next_thing, self._seconds)
        self._background = Background(self._seconds)
        self._at = 0
        """Position of the next sample to judge."""

    def add(self, frame: Frame) -> None:
        """Take the next sample, and judge those whose future is known by now."""
        gray = np.ascontiguousarray(frame.scaled(*self._size, "gray"))
        if self._boundaries.is_boundary(gray):
            self.end_shot(Rejection.SHOT_CUT)
            self._start_shot(frame.index, self._things.next_number)
        sample = Sample(frame.index, frame.time, frame, gray, soften(gray), STILL)
        if self._shot:
            self._connect(self._shot[-1], sample)
        self._background.add(sample, bool(self._shot) and self._shot[-1].camera is STILL)
        self._shot.append(sample)
        while self._at < len(self._shot) - 1 and frame.time - self._shot[self._at].time >= REACHES[-1] - 1e-3:
            self._judge()

    def end_shot(self, reason: Rejection) -> None:
        """Judge the last samples of the shot; starts that still wait are lost for this reason."""
        while self._at < len(self._shot) - 1:
            self._judge()
        for thing in self._things.present:
            self._count(thing)
        self._pairing.end_shot(reason)

    def tracks(self) -> list[MinedTrack]:
        """Return all tracks, in order of their starts; things are numbered on without gaps."""
        tracks = sorted(self._pairing.tracks, key=lambda each: (each.start.frame, each.thing, each.frames))
        order = {thing: number for number, thing in enumerate(sorted({track.thing or 0 for track in tracks}))}
        self._funnel.tracks = len(tracks)
        return [replace(track, thing=order[track.thing or 0]) for track in tracks]

    def _connect(self, last: Sample, sample: Sample) -> None:
        """Compute the motion of the picture and of the camera from the last sample to the next."""
        last.flow = self._flow.calc(last.gray, sample.gray, None)  # type: ignore[call-overload]
        extents = [thing.extent for thing in self._things.present]
        last.camera = camera_motion(last, sample, last.flow, extents, self._settings)
        moves = last.camera is not None and last.camera is not STILL
        sample.pose = last.camera @ last.pose if moves and last.camera is not None else last.pose

    def _judge(self) -> None:
        """Find the things in the next sample, and their views."""
        shot, sample = self._shot, self._shot[self._at]
        if self._at:
            self._carry(shot[self._at - 1])
        shown = self._background.shown(sample)
        groups = self._groups(sample, shown)
        for thing in self._things.associate(sample, groups, shown_cells(shown)):
            self._count(thing)
            self._pairing.abandon(thing)
        scene = Scene(shot, self._at, self.shots[-1], groups, shown, self._settings)
        self._pairing.look_after(scene)
        for thing in self._things.present:
            view = self._viewer.view(thing, scene, self._things.age(thing))
            if isinstance(view, View):
                thing.clean += 1
            else:
                thing.unclean[view] += 1
            self._pairing.look(thing, view, scene)
        self._at += 1
        self._forget(sample)

    def _carry(self, before: Sample) -> None:
        assert before.flow is not None
        self._things.carry(before.flow)
        self._pairing.carry(before.flow)
        before.release()

    def _groups(self, sample: Sample, shown: GrayImage) -> Groups:
        """Return the groups of a sample, without the cells that show the background."""
        mask = silhouettes(self._shot, self._at, self._settings)
        mask[shown_cells(shown)] = 0
        assert sample.flow is not None
        fragments = find_fragments(mask, sample.flow, sample.camera)
        return group_fragments(fragments, self._things.owners(fragments), self._seconds)

    def _forget(self, sample: Sample) -> None:
        """Drop the samples that neither a track nor the background needs any more."""
        shot = self._shot
        while self._at > 1 and sample.index - shot[0].index > self._longest:
            shot.popleft()
            self._at -= 1

    def _count(self, thing: Thing) -> None:
        """Count a thing that has ended."""
        self._funnel.examined += 1
        if thing.clean:
            self._funnel.candidates += 1
        else:
            reason = max(thing.unclean, key=lambda each: (thing.unclean[each], each), default=Rejection.BRIEF)
            self._funnel.rejected[reason] += 1
