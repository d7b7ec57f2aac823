"""Which negatives a batch is trained on: indices into its images, and into the queue of earlier ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from trainer.data.batch import Batch

# T = pairs, K = negatives a pair, M = candidates: the images of the batch, then those of the queue


class Triplets(NamedTuple):
    """Index triplets: image anchor_idx[t] is nearer to positive_idx[t] than to negative_idx[t]. Each is int64."""

    anchor_idx_T: Tensor
    positive_idx_T: Tensor
    negative_idx_T: Tensor

    @classmethod
    def of(cls, batch: Batch) -> Triplets:
        """The triplets that the service sent: it chose negatives of other groups (Sec. 6)."""
        return cls(*(batch.targets[name] for name in cls._fields))


class Negatives(NamedTuple):
    """The candidates that are each pair's negatives. A pair with fewer than K is padded with invalid ones."""

    idx_TK: Tensor
    valid_TK: Tensor


def candidate_negatives(triplets: Triplets, groups_M: Tensor) -> Tensor:
    """Mark the candidates that can be each pair's negatives, T×M.

    They are of another group than the anchor and the positive. The negative that the service chose for a pair is
    always a candidate.
    """
    a, p, n = triplets
    allowed_TM = (groups_M != groups_M[a][:, None]) & (groups_M != groups_M[p][:, None])
    return allowed_TM.scatter(1, n[:, None], True)


def service_negatives(triplets: Triplets) -> Negatives:
    """Take the negatives that the service sent, one a pair."""
    idx_T1 = triplets.negative_idx_T[:, None]
    return Negatives(idx_T1, torch.ones_like(idx_T1, dtype=torch.bool))


def mine_negatives(dist_TM: Tensor, allowed_TM: Tensor, how: str, count: int, key: tuple[int, int]) -> Negatives:
    """Choose `count` of the allowed candidates for each pair: `random`, `hard`, or `half` of each.

    Hard negatives are the nearest to the anchor. Of an odd count, `half` takes one more hard than random. The random
    choice depends on the key (seed, position) alone.
    """
    count = min(count, dist_TM.shape[1])
    num_hard = {"random": 0, "half": -(-count // 2), "hard": count}[how]
    hard = _highest(-dist_TM, allowed_TM, num_hard)
    left_TM = allowed_TM.scatter(1, hard.idx_TK, False)
    random = _highest(_random_scores(dist_TM.shape, key).to(dist_TM.device), left_TM, count - num_hard)
    return Negatives(*(torch.cat(parts, dim=1) for parts in zip(hard, random, strict=True)))


@torch.no_grad()
def _highest(score_TM: Tensor, allowed_TM: Tensor, count: int) -> Negatives:
    """Choose the `count` allowed candidates of each row that score highest."""
    idx_TK = score_TM.masked_fill(~allowed_TM, -torch.inf).topk(count, dim=1).indices
    return Negatives(idx_TK, allowed_TM.gather(1, idx_TK))


def _random_scores(shape: torch.Size, key: tuple[int, int]) -> Tensor:
    """Draw numbers in [0, 1) from the key, the same for every device."""
    (state,) = np.random.SeedSequence(key).generate_state(1, np.uint64)
    return torch.rand(shape, generator=torch.Generator().manual_seed(int(state)))
