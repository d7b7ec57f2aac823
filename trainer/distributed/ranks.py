"""Several trainers that are one, as torchrun starts them: who embeds which images, and how all hear of it.

Every rank computes the loss of the whole batch, from the outputs of all. Torch is imported only where it is needed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    pass

T = TypeVar("T")


@dataclass(frozen=True)
class RankShard:
    """The share of rank `rank` among `world`."""

    rank: int = 0
    world: int = 1

    def of(self, rows: int) -> list[int]:
        """Which of a batch's rows are this rank's: a run of them, equally many on every rank.

        All ranks' rows one after another are the batch's in order. Where they do not go up in the world, the last row
        comes again at the end.
        """
        count = -(-rows // self.world)
        return [min(row, rows - 1) for row in range(self.rank * count, (self.rank + 1) * count)]

    @property
    def first(self) -> bool:
        """Whether this is the rank that writes: checkpoints, metrics, sentences."""
        return self.rank == 0


SINGLE_PROCESS = RankShard()
"""Of the only rank there is."""


def local_rank() -> int:
    """Which of this machine's GPUs is this process's."""
    return int(os.environ.get("LOCAL_RANK", "0"))


@contextmanager
def join_ranks() -> Iterator[RankShard]:
    """Meet the other ranks that torchrun started, and part from them at the end."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield SINGLE_PROCESS
        return
    import torch
    import torch.distributed as dist

    if torch.cuda.is_available():
        torch.cuda.set_device(local_rank())
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield RankShard(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def broadcast(value: T, part: RankShard) -> T:
    """The first rank's value, on every rank."""
    if part.world == 1:
        return value
    import torch.distributed as dist

    values = [value]
    dist.broadcast_object_list(values, src=0)
    return values[0]


def any_rank(flag: bool, part: RankShard) -> bool:
    """Whether the flag is set on any rank."""
    if part.world == 1:
        return flag
    import torch
    import torch.distributed as dist

    set_somewhere = torch.tensor([flag], dtype=torch.int32)
    dist.all_reduce(set_somewhere, op=dist.ReduceOp.MAX)
    return bool(set_somewhere.item())
