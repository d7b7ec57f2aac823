"""How often a network predicts the place of one patch relative to another, on images that it never saw."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.data.context_pairs import NEIGHBORS, cut_pair, draw_place
from trainer.data.images import Image
from trainer.evaluation.bootstrap import Estimate, bootstrap_mean
from trainer.evaluation.holdout import HeldOutImage
from trainer.models.siamese import Model

CHANCE = 1 / len(NEIGHBORS)
BATCH = 128
"""Pairs in a forward pass."""

# P = pairs, C = channels, S = side


@dataclass(frozen=True, slots=True)
class ContextScore:
    """The accuracy of one network. Interval by bootstrap over the videos."""

    name: str
    accuracy: Estimate


def score_context(
    name: str, model: Model, images: Sequence[HeldOutImage], *, size: int, pairs: int, seed: int
) -> ContextScore:
    """Measure the accuracy of a network on `pairs` pairs, cut from the images in turn."""
    keys = [(seed, pair) for pair in range(pairs)]
    correct_P = np.concatenate(list(_correct(model, lambda key: images[key[1] % len(images)].image, keys, size)))
    _, video_P = np.unique([images[pair % len(images)].source for pair in range(pairs)], return_inverse=True)
    return ContextScore(name, bootstrap_mean(correct_P, video_P, seed))


@torch.no_grad()
def _correct(
    model: Model, image_of: Callable[[tuple[int, int]], Image], keys: Sequence[tuple[int, int]], size: int
) -> Iterator[NDArray[np.float64]]:
    """Yield 1 for each key whose place is predicted correctly, else 0."""
    model.eval()
    for start in range(0, len(keys), BATCH):
        some = keys[start : start + BATCH]
        pairs_P2CSS = torch.from_numpy(np.stack([cut_pair(image_of(key), size, key) for key in some]))
        places_P = torch.tensor([draw_place(key) for key in some])
        yield (model(pairs_P2CSS).argmax(1) == places_P).double().numpy()
