"""Pairing: two clean views of one thing, some frames apart, are the start and the end of a track."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.mining.motion import GrayImage
from ingest.mining.things.fragments import Groups
from ingest.mining.things.refusals import hides_background, is_plain, refusal
from ingest.mining.things.samples import CELL, Sample, Vectors
from ingest.mining.things.thing import Thing
from ingest.mining.things.views import Points, View, Viewer
from ingest.model import FrameSignature, MinedPatch, MinedTrack, Region
from ingest.rejections import Funnel, Rejection
from ingest.settings import MiningSettings
from ingest.video.crops import crop_jpeg, frame_jpeg
from ingest.video.signatures import frame_signature

Confirm: TypeAlias = Callable[[Sequence[GrayImage], Region, Region], bool]
"""Returns whether a region of the first gray image and one of the last show the same thing."""

_CANDIDATE_SECONDS = 0.25
"""Time between the views of a thing that are tried as starts."""
_HOG = cv2.HOGDescriptor((32, 32), (16, 16), (8, 8), (8, 8), 9)


@dataclass(eq=False, slots=True)
class _Start:
    """A view that may become the start of tracks. Its pixels are cut at once, so that its frame can be released."""

    view: View
    patch: MinedPatch
    look: NDArray[np.float32]
    whole: NDArray[np.uint8]
    """The whole frame, small; it is shared by the starts in one frame."""
    shot: int
    points: Points | None
    frame_jpeg: bytes | None = None
    accepted: bool = False


@dataclass(slots=True)
class _Record:
    """The starts of one thing."""

    waiting: list[_Start] = field(default_factory=list)
    accepted: list[_Start] = field(default_factory=list)
    last_tried: float = -np.inf


class Pairing:
    """Is given the views of each sample, and keeps the tracks."""

    def __init__(
        self, viewer: Viewer, lengths: Sequence[int], settings: MiningSettings, funnel: Funnel, confirm: Confirm
    ) -> None:
        self.tracks: list[tuple[int, float, MinedTrack]] = []
        self._viewer = viewer
        self._lengths = lengths
        self._settings = settings
        self._funnel = funnel
        self._confirm = confirm
        self._records: dict[int, _Record] = {}
        self._scaled: tuple[int, NDArray[np.uint8]] | None = None

    def carry(self, flow: Vectors) -> None:
        for record in self._records.values():
            for start in record.waiting:
                if start.points:
                    start.points.carry(flow)

    def forget(self, thing: Thing) -> None:
        """The thing has ended."""
        if record := self._records.pop(thing.number, None):
            for start in record.waiting:
                if not start.accepted:
                    self._lose(Rejection.NO_END)

    def look(
        self, thing: Thing, view: View | Rejection, groups: Groups, shot: Sequence[Sample], at: int, shot_start: int
    ) -> None:
        """Try the waiting starts of a thing with its view in this sample, and let the view wait as a start itself."""
        record = self._records.setdefault(thing.number, _Record())
        sample = shot[at]
        image: list[NDArray[np.uint8]] = []
        for start in list(record.waiting):
            frames = sample.index - start.view.sample.index
            if frames in self._lengths:
                end = self._end(start, thing, view, sample, groups)
                found = end if isinstance(end, Rejection) else self._pair(start, end, frames, thing, shot, at, image)
                if isinstance(found, Rejection):
                    self._lose(found)
                else:
                    self._accept(record, start, found, thing)
            if frames >= max(self._lengths) and start in record.waiting:
                record.waiting.remove(start)
        self._try_start(record, thing, view, groups, shot, at, shot_start, image)

    def _lose(self, reason: Rejection) -> None:
        self._funnel.starts += 1
        self._funnel.lost[reason] += 1

    def _end(self, start: _Start, thing: Thing, view: View | Rejection, sample: Sample, groups: Groups) -> View | Rejection:
        if start.points:
            if thing.mixed:
                return Rejection.CROWDED
            return self._viewer.moved_window(start.view, start.points.shift, thing, sample, groups)
        return view

    def _pair(
        self,
        start: _Start,
        end: View,
        frames: int,
        thing: Thing,
        shot: Sequence[Sample],
        at: int,
        image: list[NDArray[np.uint8]],
    ) -> MinedTrack | Rejection:
        if refused := refusal(start.view, end, self._settings):
            return refused
        grays = [each.gray for each in shot if start.view.sample.index <= each.index <= end.sample.index]
        if not self._confirm(grays, self._region(start.view, grays[0]), self._region(end, grays[0])):
            return Rejection.DRIFTED
        pixels = _image(end.sample, image)
        crop = pixels[end.box.y : end.box.y + end.box.side, end.box.x : end.box.x + end.box.side]
        if is_plain(crop):
            return Rejection.PLAIN
        if self._settings.frames and start.frame_jpeg is None:
            start.frame_jpeg = frame_jpeg(start.whole, self._settings)
        patch = MinedPatch(end.sample.index, end.sample.time, end.box, 0.0, crop_jpeg(pixels, end.box, self._settings))
        return MinedTrack(
            start.patch, patch, frame_signature(start.whole), start.frame_jpeg, frames, start.shot, thing.number
        )

    def _whole(self, sample: Sample) -> NDArray[np.uint8]:
        """Return the whole frame in the size that is kept; it is scaled once for all starts."""
        if self._scaled is None or self._scaled[0] != sample.index:
            assert sample.frame is not None
            width, height = sample.frame.video.width, sample.frame.video.height
            scale = min(1.0, self._settings.frame_side / min(width, height))
            self._scaled = sample.index, sample.frame.scaled(round(width * scale), round(height * scale))
        return self._scaled[1]

    def _region(self, view: View, gray: GrayImage) -> Region:
        """Return the rectangle of the view's cells, in work pixels."""
        rows, columns = np.divmod(view.cells, gray.shape[1] // CELL)
        low = np.quantile(columns, 0.05), np.quantile(rows, 0.05)
        high = np.quantile(columns, 0.95), np.quantile(rows, 0.95)
        x, y = (int(each * CELL) for each in low)
        width, height = (int((b - a) * CELL + CELL) for a, b in zip(low, high, strict=True))
        return Region(x, y, width, height)

    def _accept(self, record: _Record, start: _Start, track: MinedTrack, thing: Thing) -> None:
        self._funnel.starts += 1
        self.tracks.append((thing.number, start.view.area, track))
        if start.accepted:
            return
        start.accepted = True
        record.accepted.append(start)
        for other in list(record.waiting):
            if not other.accepted and not self._is_new(record, other.view.sample.time, other.look):
                record.waiting.remove(other)

    def _is_new(self, record: _Record, time: float, look: NDArray[np.float32]) -> bool:
        """Return whether a view is far enough, in time and in looks, from the starts of the thing."""
        recent = [start for start in record.accepted if time - start.view.sample.time < 60]
        if len(recent) >= self._settings.thing_starts:
            return False
        if any(abs(time - start.view.sample.time) < self._settings.thing_rest for start in recent):
            return False
        return all(_distance(look, start.look) >= self._settings.thing_view_change for start in recent)

    def _try_start(
        self,
        record: _Record,
        thing: Thing,
        view: View | Rejection,
        groups: Groups,
        shot: Sequence[Sample],
        at: int,
        shot_start: int,
        image: list[NDArray[np.uint8]],
    ) -> None:
        sample = shot[at]
        if sample.time - record.last_tried < _CANDIDATE_SECONDS - 1e-3 or not thing.moving or thing.mixed:
            return
        if isinstance(view, Rejection):
            if view not in (Rejection.LARGE, Rejection.AT_BORDER):
                return
            window = self._viewer.window(thing, sample, groups)
            if window is None:
                return
            view = window
        if any(abs(sample.time - start.view.sample.time) < self._settings.thing_rest for start in record.accepted):
            return
        record.last_tried = sample.time
        if not hides_background(view, shot, at):
            self._lose(Rejection.SEE_THROUGH)
            return
        pixels = _image(sample, image)
        box = view.box
        crop = pixels[box.y : box.y + box.side, box.x : box.x + box.side]
        look = _look(crop)
        if is_plain(crop):
            self._lose(Rejection.PLAIN)
        elif not self._is_new(record, sample.time, look):
            self._lose(Rejection.SAME_VIEW)
        else:
            jpeg = crop_jpeg(pixels, box, self._settings)
            share = min(1.0, len(view.cells) * (CELL * pixels.shape[1] / sample.gray.shape[1]) ** 2 / box.side**2)
            patch = MinedPatch(sample.index, sample.time, box, share, jpeg)
            points = Points(view.cells, sample.gray.shape[1] // CELL) if view.window else None
            record.waiting.append(_Start(view, patch, look, self._whole(sample), shot_start, points))


def _image(sample: Sample, image: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return the whole frame; it is converted once for all views."""
    if not image:
        assert sample.frame is not None
        image.append(sample.frame.image)
    return image[0]


def _look(crop: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Describe the outlines of a crop, as a vector of length 1."""
    small = cv2.resize(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), (32, 32), interpolation=cv2.INTER_AREA)
    values = np.asarray(_HOG.compute(small), np.float32).ravel()
    return np.asarray(values / max(1e-6, float(np.linalg.norm(values))), np.float32)


def _distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return 1.0 - float(a @ b)
