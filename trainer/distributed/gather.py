"""Rows of all ranks, with a gradient."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from trainer.distributed.ranks import RankShard

# R = rows of one rank, W = ranks


class Gather(torch.autograd.Function):
    """R×… on each rank to (W·R)×… on all of them."""

    @staticmethod
    def forward(context: Any, rows: Tensor, part: RankShard) -> Tensor:
        context.part, context.count = part, len(rows)
        gathered = [torch.empty_like(rows, memory_format=torch.contiguous_format) for _ in range(part.world)]
        dist.all_gather(gathered, rows.contiguous())
        return torch.cat(gathered)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        # Every rank computes the same loss from the same rows, so it knows all of its own rows' gradient. The ranks'
        # gradients of the weights are to be summed; DDP takes their mean.
        part, count = context.part, context.count
        return gradients[0][part.rank * count : (part.rank + 1) * count] * part.world, None


def gather(rows: Tensor, part: RankShard) -> Tensor:
    """All ranks' rows one after another. Its gradient is right under DDP, where every rank makes the same of them."""
    if part.world == 1:
        return rows
    from trainer.distributed.gather import Gather

    gathered: Tensor = Gather.apply(rows, part)
    return gathered
