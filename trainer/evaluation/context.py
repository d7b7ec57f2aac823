"""How often a network tells where one patch lies seen from another, on images that it never saw."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.data.context_pairs import NEIGHBORS, cut_pair, draw_place
from trainer.data.image_folder import ImageFolder
from trainer.data.images import Image, decode_image
from trainer.data.triplets import TripletSource
from trainer.errors import BenchmarkError
from trainer.evaluation.bootstrap import Estimate, bootstrap_mean
from trainer.evaluation.holdout import is_held_out
from trainer.models.siamese import Model

CHANCE = 1 / len(NEIGHBORS)
PAGE = 256
"""Frames a request."""
BATCH = 128
"""Pairs a forward."""

# P = pairs, K = places


@dataclass(frozen=True)
class Held:
    """An image that training never saw, and the video (or file) that it is of."""

    image: Image
    source: str


@dataclass(frozen=True, slots=True)
class ContextScore:
    """Of one network; the interval is by bootstrap over the videos."""

    name: str
    accuracy: Estimate


def held_out_frames(source: TripletSource, snapshot: str, total: int, hold_out: float) -> list[Held]:
    """The frames of the snapshot's `total` tracks whose video `ingest --hold-out` kept out of training; each once.

    Raises BenchmarkError where there is none.
    """
    frames: dict[str, bytes] = {}
    for position in range(0, total, PAGE):
        batch = source.frames(snapshot, seed=0, position=position, count=min(PAGE, total - position))
        held = ((id, jpeg) for id, jpeg in zip(batch.frame_id, batch.images, strict=True) if is_held_out(id, hold_out))
        frames.update((id, bytes(jpeg)) for id, jpeg in held)
    if not frames:
        raise BenchmarkError(
            f"None of the {total} frames of snapshot {snapshot} is of a video that --hold-out {hold_out} keeps out of "
            "training. Hold out more, or ingest more videos."
        )
    return [Held(decode_image(jpeg, id), id.partition("-")[0]) for id, jpeg in sorted(frames.items())]


def folder_images(folder: ImageFolder) -> list[Held]:
    """All images of a folder."""
    return [Held(decode_image(path.read_bytes(), str(path)), str(path)) for path in folder.paths]


def score_context(name: str, model: Model, held: Sequence[Held], *, size: int, pairs: int, seed: int) -> ContextScore:
    """What the network makes of `pairs` pairs, as many of each image as of any other but one."""
    keys = [(seed, pair) for pair in range(pairs)]
    right_P = np.concatenate(list(_told(model, lambda key: held[key[1] % len(held)].image, keys, size)))
    _, video_P = np.unique([held[pair % len(held)].source for pair in range(pairs)], return_inverse=True)
    return ContextScore(name, bootstrap_mean(right_P, video_P, seed))


@torch.no_grad()
def _told(
    model: Model, image: Callable[[tuple[int, int]], Image], keys: Sequence[tuple[int, int]], size: int
) -> Iterator[NDArray[np.float64]]:
    """For each key, 1 where its place is told right, else 0."""
    model.eval()
    for begin in range(0, len(keys), BATCH):
        some = keys[begin : begin + BATCH]
        pairs_P2CSS = torch.from_numpy(np.stack([cut_pair(image(key), size, key) for key in some]))
        places_P = torch.tensor([draw_place(key) for key in some])
        yield (model(pairs_P2CSS).argmax(1) == places_P).double().numpy()
