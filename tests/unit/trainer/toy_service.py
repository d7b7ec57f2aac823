"""A service without a graph: pairs of striped images, computed from their position. It records its requests."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import cv2
import numpy as np

from api.wire.frames import FrameBatch
from api.wire.triplets import TripletBatch

GROUPS = 4
VIDEOS = 8
SIDE = 96
SNAPSHOT = "toy"
COLORS = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200], [160, 160, 40]])


class ToyService:
    """A replacement of `TripletClient`. Images of one group are stripes of one direction and of similar colors."""

    def __init__(self, *, transitive: int = 10_000, intra: int = 10_000) -> None:
        counts = {"transitive": transitive, "intra": intra, "inter": transitive // 3}
        self.description: dict[str, Any] = {"id": SNAPSHOT, "counts": counts, "settings": {}}
        self.positions: list[int] = []

    def snapshot(self, id: str = "latest") -> Mapping[str, Any]:
        return self.description

    def triplets(
        self, snapshot: str, *, seed: int, mix: str, negatives: str, position: int, count: int
    ) -> TripletBatch:
        self.positions.append(position)
        rows = [Row(seed, at) for at in range(position, position + count)]
        extra = [draw_patch(row.negative, seed, row.position, 2) for row in rows]
        return TripletBatch(
            snapshot=snapshot,
            query={},
            position=np.arange(position, position + count),
            epoch=np.zeros(count, np.int64),
            kind=[mix.partition(":")[0]] * count,
            anchor_id=[patch_id(row.group, row.videos[0]) for row in rows],
            positive_id=[patch_id(row.group, row.videos[1], end=True) for row in rows],
            negative_id=[patch_id(row.negative, row.videos[2]) for row in rows],
            anchor_group=[str(row.group) for row in rows],
            positive_group=[str(row.group) for row in rows],
            negative_group=[str(row.negative) for row in rows],
            images=[
                *(draw_patch(row.group, seed, row.position, 0) for row in rows),
                *(draw_patch(row.group, seed, row.position, 1) for row in rows),
                *extra,
            ],
            negative_idx=2 * count + np.arange(count),
        )

    def frames(self, snapshot: str, *, seed: int, position: int, count: int) -> FrameBatch:
        self.positions.append(position)
        at = range(position, position + count)
        return FrameBatch(
            snapshot=snapshot,
            query={},
            position=np.arange(position, position + count),
            epoch=np.zeros(count, np.int64),
            frame_id=[f"{one:016x}-00000030" for one in at],
            images=[draw_frame(seed, one) for one in at],
        )


class Row:
    """The pair at a position, and its negative."""

    def __init__(self, seed: int, position: int) -> None:
        random = np.random.default_rng((seed, position))
        self.position = position
        self.group = int(random.integers(GROUPS))
        self.negative = (self.group + int(random.integers(1, GROUPS))) % GROUPS
        self.videos = [int(number) for number in random.permutation(VIDEOS)[:3]]


def patch_id(group: int, video: int, *, end: bool = False) -> str:
    """The id of a patch of the group's `video`-th video. The ids of a group's videos spread over the whole range."""
    number = (video * GROUPS + group) * 2**64 // (VIDEOS * GROUPS)
    return f"{number:016x}-00000030-10-20-96{'-e30' if end else ''}"


@cache
def draw_patch(group: int, seed: int, position: int, role: int) -> bytes:
    """A JPEG of 96×96 pixels."""
    random = np.random.default_rng((seed, position, role, 7))
    angle = np.pi * (group + random.uniform(-0.2, 0.2)) / GROUPS
    across, down = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    wave = np.sin((across * np.cos(angle) + down * np.sin(angle)) / random.uniform(3, 5) + random.uniform(0, 6))
    low, high = COLORS[group] + random.uniform(-40, 40, (2, 3))
    pixels = low + (high + 60 - low) * (wave[..., None] + 1) / 2 + random.normal(0, 12, (SIDE, SIDE, 3))
    return bytes(cv2.imencode(".jpg", np.clip(pixels, 0, 255).astype(np.uint8))[1])


@cache
def draw_frame(seed: int, position: int) -> bytes:
    """A JPEG of 128×96 pixels, bright above and dark below, red at the left and green at the right."""
    random = np.random.default_rng((seed, position, 8))
    down, across = np.linspace(1, 0, SIDE)[:, None, None], np.linspace(0, 1, 128)[None, :, None]
    colors = np.concatenate([1 - across, across, np.full_like(across, 0.5)], axis=2)
    pixels = 255 * down * colors + random.normal(0, 12, (SIDE, 128, 3))
    return bytes(cv2.imencode(".jpg", np.clip(pixels, 0, 255).astype(np.uint8))[1])
