"""Which negatives a batch is trained on: index triples into its images, and into what is remembered of earlier ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from trainer.data.batch import Batch

# T = pairs, K = negatives a pair, M = candidates: the images of the batch, then those of the queue


class Triplets(NamedTuple):
    """Row t says: image anchor_idx[t] is nearer to image positive_idx[t] than to image negative_idx[t]. Each int64."""

    anchor_idx_T: Tensor
    positive_idx_T: Tensor
    negative_idx_T: Tensor

    @classmethod
    def of(cls, batch: Batch) -> Triplets:
        """The triplets that came with a batch: the negatives are another group's, chosen by the service (Sec. 6)."""
        return cls(*(batch.targets[name] for name in cls._fields))


class Negatives(NamedTuple):
    """Which candidates are each pair's negatives; a pair that has fewer than K is filled up with what is not valid."""

    idx_TK: Tensor
    valid_TK: Tensor


def candidates(triplets: Triplets, groups_M: Tensor) -> Tensor:
    """Which of the M can be each pair's negatives: those of other groups than the anchor's and the positive's, T×M.

    What the service gave a pair always can.
    """
    a, p, n = triplets
    allowed_TM = (groups_M != groups_M[a][:, None]) & (groups_M != groups_M[p][:, None])
    return allowed_TM.scatter(1, n[:, None], True)


def given(triplets: Triplets) -> Negatives:
    """The negatives that came with the batch, one a pair."""
    idx_T1 = triplets.negative_idx_T[:, None]
    return Negatives(idx_T1, torch.ones_like(idx_T1, dtype=torch.bool))


def mine(dist_TM: Tensor, allowed_TM: Tensor, how: str, count: int, key: tuple[int, int]) -> Negatives:
    """`count` of the allowed candidates for each pair: at random, the hardest (nearest to the anchor), or half of each.

    Of an odd count the larger half is hard. What is drawn is drawn from the key (seed, position).
    """
    count = min(count, dist_TM.shape[1])
    num_hard = {"random": 0, "half": -(-count // 2), "hard": count}[how]
    hard = _first(-dist_TM, allowed_TM, num_hard)
    left_TM = allowed_TM.scatter(1, hard.idx_TK, False)
    random = _first(_lottery(dist_TM.shape, key).to(dist_TM.device), left_TM, count - num_hard)
    return Negatives(*(torch.cat(parts, dim=1) for parts in zip(hard, random, strict=True)))


@torch.no_grad()
def _first(score_TM: Tensor, allowed_TM: Tensor, count: int) -> Negatives:
    """Of each row's allowed, the `count` that score highest."""
    idx_TK = score_TM.masked_fill(~allowed_TM, -torch.inf).topk(count, dim=1).indices
    return Negatives(idx_TK, allowed_TM.gather(1, idx_TK))


def _lottery(shape: torch.Size, key: tuple[int, int]) -> Tensor:
    """Numbers in [0, 1) that the key decides, the same on every device."""
    (state,) = np.random.SeedSequence(key).generate_state(1, np.uint64)
    return torch.rand(shape, generator=torch.Generator().manual_seed(int(state)))
