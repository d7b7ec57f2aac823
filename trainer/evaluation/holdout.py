"""Pairs and frames of videos that were held out of training. A video's id decides, as in ingest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainer.data.image_folder import ImageFolder
from trainer.data.images import Image, decode_image, resize
from trainer.data.triplets import TripletSource
from trainer.errors import DataError

PAIRS_PER_REQUEST = 100
FRAMES_PER_REQUEST = 256

# P = pairs, S = side, C = channels


class Patch(NamedTuple):
    """A patch as the service sends it."""

    id: str
    group: str
    jpeg: bytes


@dataclass(frozen=True)
class HeldOutPairs:
    """P pairs A, B' of held-out videos, all of one kind. Each has a C: a patch of these pairs, of another group."""

    images_2PSSC: Image
    """The anchors, then the positives."""
    negative_idx_P: NDArray[np.int64]
    """Index of each pair's C among the images."""
    videos_P: NDArray[np.int64]
    """Number of the anchor's video."""
    pairs_read: int
    """Pairs of the epoch that were read to find these."""

    def __len__(self) -> int:
        return len(self.negative_idx_P)

    @property
    def num_videos(self) -> int:
        return len(np.unique(self.videos_P))


@dataclass(frozen=True)
class HeldOutSet:
    """The pairs that distances are measured on."""

    tracks: HeldOutPairs
    """INTRA pairs A, A'."""
    pairs: HeldOutPairs
    """Transitive pairs A, B'."""


@dataclass(frozen=True)
class HeldOutImage:
    """An image that training never saw, and the video (or file) that it comes from."""

    image: Image
    source: str


def is_held_out(patch_id: str, fraction: float) -> bool:
    """Return whether the patch's video is among the held-out `fraction`.

    A video's id, the part of a patch's id before the first `-`, is 16 hex digits of a hash of its file. As a number
    it is below `fraction` of the largest id for that share of all videos, in every graph.
    """
    return int(video_of(patch_id), 16) < fraction * 2**64


def video_of(patch_id: str) -> str:
    """The id of a patch's video."""
    return patch_id.partition("-")[0]


def collect_held_out(
    source: TripletSource,
    snapshot: str,
    counts: Mapping[str, int],
    *,
    hold_out: float,
    wanted: int,
    seed: int,
    size: int,
) -> HeldOutSet:
    """Collect pairs of both kinds, at most `wanted` of each. `counts` are the snapshot's. Raises DataError."""
    tracks, pairs = (
        collect_pairs(source, snapshot, kind, counts[kind], hold_out=hold_out, wanted=wanted, seed=seed, size=size)
        for kind in ("intra", "transitive")
    )
    return HeldOutSet(tracks, pairs)


def collect_pairs(
    source: TripletSource, snapshot: str, kind: str, total: int, *, hold_out: float, wanted: int, seed: int, size: int
) -> HeldOutPairs:
    """Collect the first `wanted` held-out pairs in one epoch of `total` pairs of a kind, at size × size pixels.

    Both videos of a pair are held out. Negatives are drawn from the patches of all these pairs, so their videos are
    held out too. Raises DataError if there is no pair, or no negative.
    """
    pairs: list[tuple[Patch, Patch]] = []
    pairs_read = 0
    while pairs_read < total and len(pairs) < wanted:
        count = min(PAIRS_PER_REQUEST, total - pairs_read)
        found = _held_out_pairs(source, snapshot, kind, seed, pairs_read, count, hold_out)
        pairs += islice(found, wanted - len(pairs))
        pairs_read += count
    if not pairs:
        raise DataError(
            f"None of the {total} {kind} pairs of snapshot {snapshot} joins two videos that --hold-out {hold_out} "
            "keeps out of training. Hold out more, or ingest more videos."
        )
    patches = [anchor for anchor, _ in pairs] + [positive for _, positive in pairs]
    _, videos_P = np.unique([video_of(anchor.id) for anchor, _ in pairs], return_inverse=True)
    pixels = np.stack([resize(decode_image(patch.jpeg, patch.id), size) for patch in patches])
    return HeldOutPairs(pixels, _draw_negatives(patches, len(pairs), seed), videos_P, pairs_read)


def _held_out_pairs(
    source: TripletSource, snapshot: str, kind: str, seed: int, position: int, count: int, hold_out: float
) -> Iterator[tuple[Patch, Patch]]:
    batch = source.triplets(snapshot, seed=seed, mix=f"{kind}:1", negatives="batch", position=position, count=count)
    for i, (a, p) in enumerate(zip(batch.anchor_idx, batch.positive_idx, strict=True)):
        if is_held_out(batch.anchor_id[i], hold_out) and is_held_out(batch.positive_id[i], hold_out):
            yield (
                Patch(batch.anchor_id[i], batch.anchor_group[i], bytes(batch.images[a])),
                Patch(batch.positive_id[i], batch.positive_group[i], bytes(batch.images[p])),
            )


def _draw_negatives(patches: list[Patch], num_pairs: int, seed: int) -> NDArray[np.int64]:
    """Draw a patch of another group for each anchor. The anchors are the first `num_pairs` of the patches."""
    random = np.random.default_rng(seed)
    groups = np.array([patch.group for patch in patches])
    if np.all(groups == groups[0]):
        raise DataError(
            f"All {num_pairs} held-out pairs are of one group, so there is no C to compare with. Hold out more."
        )
    return np.array([random.choice(np.flatnonzero(groups != group)) for group in groups[:num_pairs]])


def collect_frames(source: TripletSource, snapshot: str, total: int, hold_out: float) -> list[HeldOutImage]:
    """Collect the frames of held-out videos among those of the snapshot's `total` tracks, each once.

    Raises DataError if there are none.
    """
    frames: dict[str, bytes] = {}
    for position in range(0, total, FRAMES_PER_REQUEST):
        count = min(FRAMES_PER_REQUEST, total - position)
        batch = source.frames(snapshot, seed=0, position=position, count=count)
        for frame_id, jpeg in zip(batch.frame_id, batch.images, strict=True):
            if is_held_out(frame_id, hold_out):
                frames[frame_id] = bytes(jpeg)
    if not frames:
        raise DataError(
            f"None of the {total} frames of snapshot {snapshot} is of a video that --hold-out {hold_out} keeps out of "
            "training. Hold out more, or ingest more videos."
        )
    return [HeldOutImage(decode_image(jpeg, id), video_of(id)) for id, jpeg in sorted(frames.items())]


def folder_images(folder: ImageFolder) -> list[HeldOutImage]:
    """Decode all images of a folder."""
    return [HeldOutImage(decode_image(path.read_bytes(), str(path)), str(path)) for path in folder.paths]
