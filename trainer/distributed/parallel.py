"""A model as the training loop calls it: in bfloat16 on GPUs, compiled if wanted, its batch shared among ranks."""

from __future__ import annotations

from inspect import signature
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from trainer.distributed.ranks import SINGLE_PROCESS, RankShard
from trainer.models.siamese import Model

# R = rows of one rank, W = ranks

SYNC_BUFFERS = next(
    name
    for name in ("forward_sync_buffers", "broadcast_buffers")
    if name in signature(DistributedDataParallel.__init__).parameters
)
"""Name of a parameter of DistributedDataParallel. Later versions of torch use the first one."""


class ParallelModel:
    """Map this rank's rows of a batch's inputs to the outputs of all ranks: one for each input, in float32.

    On GPUs, batch normalization sees the images of all ranks; elsewhere, those of its own rank.
    """

    def __init__(self, model: Model, shard: RankShard = SINGLE_PROCESS, *, compiled: bool = False) -> None:
        self.shard = shard
        self._call: Any = model
        if shard.world > 1:
            if next(model.parameters()).is_cuda:
                synchronize_batchnorm(model)
            # Buffers need no synchronization: all ranks see the same outputs. The main rank's are saved.
            # Some networks of timm have a layer between the last map and the classifier, which stays unused.
            unused = model.trunk.library == "timm"
            options: dict[str, Any] = {SYNC_BUFFERS: False}
            self._call = DistributedDataParallel(model, find_unused_parameters=unused, **options)
        if compiled:
            self._call = torch.compile(self._call)

    def __call__(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        device = inputs[0].device.type
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            outputs = self._call(*inputs)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        return tuple(gather(output.float(), self.shard) for output in outputs)


def synchronize_batchnorm(model: Model) -> None:
    """Let batch normalization see the images of all ranks. In evaluation mode nothing changes.

    timm converts the layers, since torch's own conversion drops the activation inside timm's normalization layers.
    """
    from timm.layers.norm_act import convert_sync_batchnorm

    convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]


def gather(rows: Tensor, shard: RankShard) -> Tensor:
    """Concatenate the rows of all ranks. The gradient is right if every rank computes the same loss, under DDP."""
    if shard.world == 1:
        return rows
    gathered: Tensor = _Gather.apply(rows, shard)
    return gathered


class _Gather(torch.autograd.Function):
    """Map R×… on each rank to (W·R)×… on every rank."""

    @staticmethod
    def forward(context: Any, rows: Tensor, shard: RankShard) -> Tensor:
        context.shard, context.count = shard, len(rows)
        gathered = [torch.empty_like(rows, memory_format=torch.contiguous_format) for _ in range(shard.world)]
        dist.all_gather(gathered, rows.contiguous())
        return torch.cat(gathered)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        # Every rank computes the same loss from the same rows, so it knows the whole gradient of its own rows. The
        # gradients of the weights must be summed over ranks, but DDP takes their mean: hence the factor.
        shard, count = context.shard, context.count
        return gradients[0][shard.rank * count : (shard.rank + 1) * count] * shard.world, None
