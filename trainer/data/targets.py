"""Targets of a batch of triplets: which images are pairs and negatives, and which images belong together."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor

from api.wire.triplets import TripletBatch

# N = images of the batch, T = triplets


def index_triplets(wire: TripletBatch) -> dict[str, Tensor]:
    """Index the images of each triplet: int64, of shape T each."""
    indices = {"anchor": wire.anchor_idx, "positive": wire.positive_idx, "negative": wire.negative_idx}
    return {f"{name}_idx_T": torch.from_numpy(idx_T) for name, idx_T in indices.items()}


def index_images(wire: TripletBatch) -> dict[str, Tensor]:
    """Number the group, the patch and the component of each image: int64, of shape N each.

    The numbers of groups and patches are the same in every batch. Images that are joined by a path of the batch's
    pairs have the same component number, which is valid in this batch only.
    """
    extra = np.flatnonzero(wire.negative_idx >= 2 * len(wire)).tolist()
    groups = [*wire.anchor_group, *wire.positive_group, *(wire.negative_group[row] for row in extra)]
    patches = [*wire.anchor_id, *wire.positive_id, *(wire.negative_id[row] for row in extra)]
    return {
        "group_N": torch.tensor([stable_hash(group) for group in groups]),
        "patch_N": torch.tensor([stable_hash(patch) for patch in patches]),
        "component_N": torch.tensor(connected_components(patches, wire.anchor_id, wire.positive_id)),
    }


def stable_hash(text: str) -> int:
    """Hash a text to a signed integer of 64 bits, the same in every process."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little", signed=True)


def connected_components(patches: Sequence[str], anchors: Sequence[str], positives: Sequence[str]) -> list[int]:
    """Number the connected component of each patch, where each anchor is joined to its positive."""
    root = {patch: patch for patch in patches}

    def find(patch: str) -> str:
        while root[patch] != patch:
            root[patch] = patch = root[root[patch]]
        return patch

    for anchor, positive in zip(anchors, positives, strict=True):
        root[find(anchor)] = find(positive)
    numbers: dict[str, int] = {}
    return [numbers.setdefault(find(patch), len(numbers)) for patch in patches]
