"""Associate the groups of a sample with things. The flow of a thing's own cells carries it to the next sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ingest.mining.things.association.fragments import Fragments, Groups, cell_places
from ingest.mining.things.association.thing import Thing
from ingest.mining.things.motion.samples import CELL, STILL, Sample, Vectors, warp_points

_ESTABLISHED = 3
"""Clean views from which a thing keeps its fragments apart from those of others."""
_OWNED = 0.25
"""Share of a fragment's cells from which it belongs to the thing that was carried there."""
_INSIDE = 0.5
"""Share of a thing's cells from which it lies inside a group."""
_PART_SIZE, _PART_AGE = 0.4, 12
"""A smaller thing that is no older in samples, and then lies inside the group of a larger one, was a part of it."""
_OVERLAP, _OVERLAP_OF_LARGER = 0.3, 0.15
"""Share of the smaller and of the larger of thing and group that they must have in common."""
_IDLE = 1.0
"""Seconds that a thing may be unseen."""
_MIN_CELLS = 4
_REMEMBER = 0.5
"""Seconds that a part belongs to a thing after it moved last."""
_LEAVING_SPEED = 0.04
"""Speed from which a thing leaves behind what does not go with it, long sides of the frame per second."""


class Things:
    """The things of a shot."""

    def __init__(self, high: int, wide: int, first_number: int, seconds: float) -> None:
        """`seconds` is the time from one sample to the next."""
        self.present: list[Thing] = []
        """In order of their numbers."""
        self.next_number = first_number
        self._shape = high, wide
        self._seconds = seconds
        self._samples = 0
        self._shown = np.zeros(high * wide, np.bool_)

    def carry(self, flow: Vectors) -> None:
        """Move all things to the next sample."""
        self._samples += 1
        for thing in self.present:
            thing.carry(flow, *self._shape)

    def age(self, thing: Thing) -> int:
        """Return how many samples ago a thing was first seen."""
        return self._samples - thing.born

    def owners(self, fragments: Fragments) -> NDArray[np.int32]:
        """Return the established thing that most of each fragment belongs to; 0 for none."""
        owner_of_cell = np.zeros(self._shape[0] * self._shape[1], np.int64)
        for thing in sorted(self.present, key=lambda each: len(each.cells)):
            if thing.clean >= _ESTABLISHED:
                owner_of_cell[thing.cells] = thing.number
        owners = np.zeros(len(fragments.boxes), np.int32)
        areas = np.bincount(fragments.label, minlength=len(owners))
        owner = owner_of_cell[fragments.cells]
        # A pair of a fragment and a thing is one number: numpy sorts numbers much faster than rows.
        pairs = fragments.label[owner > 0] * np.int64(self.next_number) + owner[owner > 0]
        numbers, counts = np.unique(pairs, return_counts=True)
        for at in np.argsort(counts, kind="stable"):
            fragment, number = divmod(int(numbers[at]), self.next_number)
            if counts[at] >= _OWNED * areas[fragment]:
                owners[fragment] = number
        return owners

    def associate(self, sample: Sample, groups: Groups, shown: NDArray[np.bool_]) -> list[Thing]:
        """Find each thing in the groups; make things of groups that move and are new. Return the things that ended.

        `shown` are the cells, h×w, that show the background.
        """
        self._shown = shown.ravel()
        shared = np.array(
            [np.bincount(groups.labels.ravel()[each.cells], minlength=len(groups.areas)) for each in self.present]
        )
        shared = shared.reshape(len(self.present), len(groups.areas))
        shared[:, 0] = 0
        sizes = np.array([max(1, len(each.cells)) for each in self.present])
        parts, mixed, matched = _match(shared, sizes, groups.areas, [self.age(each) for each in self.present])
        ended = [self.present[at] for at in parts]
        for at, thing in enumerate(self.present):
            if at in matched:
                self._see(thing, matched[at], sample, groups)
            elif at not in parts:
                thing.mixed = thing.mixed or at in mixed
                thing.coast()
                if sample.time - thing.seen > _IDLE or len(thing.cells) < _MIN_CELLS:
                    ended.append(thing)
        gone = {each.number for each in ended}
        self.present = [each for each in self.present if each.number not in gone]
        taken = {*matched.values(), *mixed.values()}
        for number in np.flatnonzero(groups.moving):
            if number not in taken:
                self._add(int(number), sample, groups)
        return ended

    def _add(self, number: int, sample: Sample, groups: Groups) -> None:
        thing = Thing(self.next_number, self._samples)
        self.next_number += 1
        self.present.append(thing)
        self._see(thing, number, sample, groups)

    def _see(self, thing: Thing, number: int, sample: Sample, groups: Groups) -> None:
        """Give the cells of group `number` to the thing; parts that moved lately stay."""
        thing.mixed = False
        cells = groups.cells(number)
        kept = self._remembered(thing, number, sample, groups)
        thing.moved_at = np.concatenate((np.full(len(cells), sample.time), thing.moved_at[kept]))
        thing.cells = np.concatenate((cells, thing.cells[kept]))
        thing.group, thing.seen, thing.moving = number, sample.time, bool(groups.moving[number])
        thing.way = thing.way + groups.motion[number]
        thing.path += float(np.hypot(*groups.motion[number]))
        thing.measure(*self._shape)

    def _remembered(self, thing: Thing, number: int, sample: Sample, groups: Groups) -> NDArray[np.int64]:
        """Return which cells of a thing stay, by position: they moved lately, are no other's, and go with it."""
        label = groups.labels.ravel()[thing.cells]
        recent = np.flatnonzero(
            (label == 0) & ~self._shown[thing.cells] & (sample.time - thing.moved_at <= _REMEMBER + 1e-3)
        )
        _, first = np.unique(thing.cells[recent], return_index=True)
        recent = recent[np.sort(first)]
        motion = groups.motion[number]
        speed = float(np.hypot(*motion))
        if speed <= _LEAVING_SPEED * CELL * max(self._shape) * self._seconds or not len(recent):
            return recent
        assert sample.flow is not None
        places = cell_places(thing.cells[recent], self._shape[1])
        steps = sample.flow[places[:, 1].astype(int), places[:, 0].astype(int)]
        if sample.camera is not None and sample.camera is not STILL:
            steps = steps - (warp_points(places, sample.camera) - places)
        kept: NDArray[np.int64] = recent[steps @ motion > 0.5 * speed**2]
        return kept


def _match(
    shared: NDArray[np.int64], sizes: NDArray[np.int64], areas: NDArray[np.int64], ages: list[int]
) -> tuple[set[int], dict[int, int], dict[int, int]]:
    """Return the things that were parts of others, those that are one with others, and the group of each other one.

    `shared` is the number of cells that each thing has in each group.
    """
    parts: set[int] = set()
    mixed: dict[int, int] = {}
    matched: dict[int, int] = {}
    for group in np.flatnonzero((shared > 0).sum(axis=0) > 1).tolist():
        inside = np.flatnonzero(shared[:, group] >= _INSIDE * sizes)
        if len(inside) < 2:
            continue
        largest = inside[np.argmax(sizes[inside])]
        small = {int(at) for at in inside if sizes[at] < _PART_SIZE * sizes[largest] and ages[at] < _PART_AGE}
        parts |= small
        rivals = [int(at) for at in inside if at not in small]
        if len(rivals) > 1:
            mixed |= dict.fromkeys(rivals, group)
    taken = set(mixed.values())
    for at in np.argsort(-sizes, kind="stable"):
        if at in parts or at in mixed:
            continue
        free = shared[at].copy()
        free[list(taken)] = 0
        group = int(np.argmax(free))
        least = max(_OVERLAP * min(sizes[at], areas[group]), _OVERLAP_OF_LARGER * max(sizes[at], areas[group]))
        if free[group] > 0 and free[group] >= least:
            matched[int(at)] = group
            taken.add(group)
    return parts, mixed, matched
