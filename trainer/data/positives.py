"""What the graph says of the images of one batch: whose groups they are of, and which of them belong together."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor

from api.wire.triplets import TripletBatch

# N = images of the batch


def index_images(wire: TripletBatch) -> dict[str, Tensor]:
    """For each image, int64 of shape N each: its group's number and its patch's, the same in every batch, and the
    number of its neighborhood in this one: images that a path of the batch's pairs joins share one."""
    extra = np.flatnonzero(wire.negative_idx >= 2 * len(wire)).tolist()
    groups = [*wire.anchor_group, *wire.positive_group, *(wire.negative_group[row] for row in extra)]
    patches = [*wire.anchor_id, *wire.positive_id, *(wire.negative_id[row] for row in extra)]
    return {
        "group_N": torch.tensor([stable_number(group) for group in groups]),
        "patch_N": torch.tensor([stable_number(patch) for patch in patches]),
        "neighborhood_N": torch.tensor(join(patches, wire.anchor_id, wire.positive_id)),
    }


def stable_number(text: str) -> int:
    """64 bits of a hash, as a signed integer: the same in every process."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little", signed=True)


def join(patches: Sequence[str], anchors: Sequence[str], positives: Sequence[str]) -> list[int]:
    """For each patch, the number of the component that it is in, where each anchor is joined to its positive."""
    root = {patch: patch for patch in patches}

    def find(patch: str) -> str:
        while root[patch] != patch:
            root[patch] = patch = root[root[patch]]
        return patch

    for anchor, positive in zip(anchors, positives, strict=True):
        root[find(anchor)] = find(positive)
    numbers: dict[str, int] = {}
    return [numbers.setdefault(find(patch), len(numbers)) for patch in patches]
