"""Pairing: two views of one thing, some frames apart, are the start and the end of a track."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np

from ingest.mining.motion import GrayImage
from ingest.mining.things.association.thing import Thing
from ingest.mining.things.motion.samples import CELL, Vectors
from ingest.mining.things.pairing.refusals import FIXED, hides_background, is_plain, is_resized, refusal
from ingest.mining.things.pairing.scene import Scene
from ingest.mining.things.pairing.starts import Points, Start, Starts, look_of
from ingest.mining.things.pairing.views import View, Viewer
from ingest.model import MinedPatch, MinedTrack, Region
from ingest.rejections import Funnel, Rejection
from ingest.settings import MiningSettings
from ingest.video.crops import crop_jpeg

Confirm: TypeAlias = Callable[[Sequence[GrayImage], Region, Region], bool]
"""Returns whether a region of the first gray image and one of the last show the same thing."""

_CANDIDATE_SECONDS = 0.25
"""Time between the views of a thing that are tried as starts."""
_CARRIED = frozenset({Rejection.UNSTEADY, Rejection.SMALL, Rejection.THIN, Rejection.AT_BORDER, Rejection.LARGE})
"""Where the thing's own view is not clean for one of these reasons, the box of the start may still hold it whole: a
part of it stands still, or reaches out."""


class Pairing:
    """Is given the views of each sample, and keeps the tracks."""

    def __init__(
        self, viewer: Viewer, lengths: Sequence[int], settings: MiningSettings, funnel: Funnel, confirm: Confirm
    ) -> None:
        self.tracks: list[MinedTrack] = []
        self._viewer = viewer
        self._lengths = lengths
        self._settings = settings
        self._funnel = funnel
        self._confirm = confirm
        self._starts: dict[int, Starts] = {}
        """By the number of the thing."""
        self._abandoned: list[tuple[int, Starts]] = []
        """The starts of things that are not seen any more, with the thing's number."""

    def carry(self, flow: Vectors) -> None:
        """Move the points of all waiting starts to the next sample."""
        for _, starts in self._all():
            for start in starts.waiting:
                start.points.carry(flow)

    def abandon(self, thing: Thing) -> None:
        """Note that the thing is not seen any more: its boxes are carried on alone."""
        if starts := self._starts.pop(thing.number, None):
            self._abandoned.append((thing.number, starts))

    def end_shot(self, reason: Rejection) -> None:
        """Drop all starts that still wait."""
        for _, starts in self._all():
            for start in starts.waiting:
                if not start.accepted:
                    self._lose(reason)
        self._starts, self._abandoned = {}, []

    def look(self, thing: Thing, view: View | Rejection, scene: Scene) -> None:
        """Try the waiting starts of a thing with its view, and let the view wait as a start itself."""
        starts = self._starts.setdefault(thing.number, Starts())
        for start in self._due(starts, scene):
            self._try(start, starts, self._end(start, thing, view, scene), thing.number, scene)
        if thing.moving and not thing.mixed:
            self._add_start(starts, thing, view, scene)

    def look_after(self, scene: Scene) -> None:
        """Try the waiting starts of the things that are not seen any more."""
        for number, starts in self._abandoned:
            for start in self._due(starts, scene):
                end = self._viewer.carried(start.view, start.points.shift, None, scene)
                self._try(start, starts, end, number, scene)
        self._abandoned = [each for each in self._abandoned if each[1].waiting]

    def _all(self) -> list[tuple[int, Starts]]:
        return [*self._starts.items(), *self._abandoned]

    def _due(self, starts: Starts, scene: Scene) -> Iterator[Start]:
        """Yield the starts of which a track may end in this sample, and drop those that have waited long enough."""
        for start in list(starts.waiting):
            frames = scene.sample.index - start.view.sample.index
            # An earlier one that was accepted may have removed it.
            if frames in self._lengths and start in starts.waiting:
                yield start
            if frames >= max(self._lengths) and start in starts.waiting:
                starts.waiting.remove(start)

    def _end(self, start: Start, thing: Thing, view: View | Rejection, scene: Scene) -> View | Rejection:
        """Return the view at the end of a track: the thing's own, or the box of the start where its points went."""
        if not start.view.window:
            if isinstance(view, View) and not is_resized(start.view, view):
                return view
            if isinstance(view, Rejection) and view not in _CARRIED:
                return view
        return self._viewer.carried(start.view, start.points.shift, thing, scene)

    def _try(self, start: Start, starts: Starts, end: View | Rejection, thing: int, scene: Scene) -> None:
        refused = end if isinstance(end, Rejection) else self._refusal(start, end, scene)
        if refused:
            self._lose(refused)
            return
        assert isinstance(end, View)
        self._funnel.starts += 1
        jpeg = crop_jpeg(scene.image, end.box, self._settings)
        patch = MinedPatch(end.sample.index, end.sample.time, end.box, 0.0, jpeg)
        frames = end.sample.index - start.view.sample.index
        frame = start.frame_jpeg(self._settings)
        self.tracks.append(MinedTrack(start.patch, patch, start.signature, frame, frames, start.shot, thing))
        if not start.accepted:
            starts.accept(start, self._settings)

    def _refusal(self, start: Start, end: View, scene: Scene) -> Rejection | None:
        """Return why start and end are no track of a thing. The checks that cost little come first."""
        if refused := refusal(start.view, end, self._settings):
            return refused
        if float(np.linalg.norm(start.points.shift)) < FIXED:
            return Rejection.FIXED_TO_SCREEN
        if is_plain(scene.crop(end.box)):
            return Rejection.PLAIN
        grays = scene.grays_since(start.view.sample.index)
        return None if self._confirm(grays, start.view.region, end.region) else Rejection.DRIFTED

    def _add_start(self, starts: Starts, thing: Thing, view: View | Rejection, scene: Scene) -> None:
        """Let a view wait as a start, if it is not too near to another one; of a large thing, a window."""
        sample = scene.sample
        if sample.time - starts.last_tried < _CANDIDATE_SECONDS - 1e-3 or starts.rests(sample.time, self._settings):
            return
        if view in (Rejection.LARGE, Rejection.AT_BORDER):
            view = self._viewer.window(thing, scene) or view
        if isinstance(view, Rejection):
            return
        starts.last_tried = sample.time
        crop = scene.crop(view.box)
        look = look_of(crop)
        if not hides_background(view, scene):
            self._lose(Rejection.SEE_THROUGH)
        elif is_plain(crop):
            self._lose(Rejection.PLAIN)
        elif not starts.is_new(look, self._settings):
            self._lose(Rejection.SAME_VIEW)
        else:
            jpeg = crop_jpeg(scene.image, view.box, self._settings)
            cell_side = CELL * scene.image.shape[1] / sample.gray.shape[1]
            motion = min(1.0, len(view.cells) * cell_side**2 / view.box.side**2)
            patch = MinedPatch(sample.index, sample.time, view.box, motion, jpeg)
            points = Points(view.cells, sample.gray.shape[1] // CELL)
            starts.waiting.append(Start(view, patch, look, scene.reduced, scene.first, points))

    def _lose(self, reason: Rejection) -> None:
        self._funnel.starts += 1
        self._funnel.lost[reason] += 1
