"""Which negatives a batch is trained on: index triples into its images."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from trainer.batch import Batch

# T = triplets


class Triplets(NamedTuple):
    """Row t says: image anchor_idx[t] is nearer to image positive_idx[t] than to image negative_idx[t]. Each int64."""

    anchor_idx_T: Tensor
    positive_idx_T: Tensor
    negative_idx_T: Tensor

    @classmethod
    def of(cls, batch: Batch) -> Triplets:
        """The triplets that came with a batch."""
        return cls(*(batch.targets[name] for name in cls._fields))


def given_negatives(triplets: Triplets) -> Triplets:
    """The negatives that came with the batch, one a pair: another group's, chosen by the service (Sec. 6)."""
    return triplets
