"""The ranks of a run: several processes, started by torchrun, that train one model.

Each rank computes the outputs of its share of the images. The outputs are gathered, and every rank computes the loss of
the whole batch. Torch is imported only when there is more than one rank.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class RankShard:
    """The share of rank `rank` among `world` ranks."""

    rank: int = 0
    world: int = 1

    def rows(self, num_rows: int) -> list[int]:
        """List the rows of a batch that belong to this rank: consecutive, and equally many on every rank.

        The rows of all ranks, one rank after another, are the batch in order. If `num_rows` is not a multiple of the
        number of ranks, the last row is repeated at the end.
        """
        count = -(-num_rows // self.world)
        return [min(row, num_rows - 1) for row in range(self.rank * count, (self.rank + 1) * count)]

    @property
    def is_main(self) -> bool:
        """Whether this rank writes checkpoints and metrics, and prints."""
        return self.rank == 0


SINGLE_PROCESS = RankShard()
"""The shard of a run with one rank."""


def local_rank() -> int:
    """The number of this process's GPU on this machine."""
    return int(os.environ.get("LOCAL_RANK", "0"))


@contextmanager
def join_ranks() -> Iterator[RankShard]:
    """Connect to the other ranks that torchrun started, and disconnect at the end."""
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


def broadcast(value: T, shard: RankShard) -> T:
    """Send the main rank's value to every rank."""
    if shard.world == 1:
        return value
    import torch.distributed as dist

    values = [value]
    dist.broadcast_object_list(values, src=0)
    return values[0]


def any_rank(flag: bool, shard: RankShard) -> bool:
    """Return whether the flag is set on any rank."""
    if shard.world == 1:
        return flag
    import torch
    import torch.distributed as dist

    set_somewhere = torch.tensor([flag], dtype=torch.int32)
    dist.all_reduce(set_somewhere, op=dist.ReduceOp.MAX)
    return bool(set_somewhere.item())
