"""A model as it is called: compiled, in bfloat16, its batch shared out among ranks."""

from __future__ import annotations

from inspect import signature
from typing import Any

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from trainer.distributed.gather import gather
from trainer.distributed.ranks import SINGLE_PROCESS, RankShard
from trainer.models.siamese import Model

# Later torches know it by the first name.
SYNC_BUFFERS = next(
    name
    for name in ("forward_sync_buffers", "broadcast_buffers")
    if name in signature(DistributedDataParallel.__init__).parameters
)


def synchronize(model: Model) -> None:
    """Let batch normalization see the images of all ranks; in evaluation nothing changes.

    By timm, as torch's own conversion drops the activation that timm's layers of normalization hold.
    """
    from timm.layers.norm_act import convert_sync_batchnorm

    convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]


class ParallelModel:
    """Maps this rank's rows of a batch's inputs to all ranks' outputs: one for each input, in float32.

    Batch normalization sees the images of all ranks on GPUs, and those of its own rank elsewhere.
    """

    def __init__(self, model: Model, part: RankShard = SINGLE_PROCESS, *, compiled: bool = False) -> None:
        self.part = part
        self._call: Any = model
        if part.world > 1:
            if next(model.parameters()).is_cuda:
                synchronize(model)
            # Buffers are the same on all ranks, as all see the same outputs; the first rank's are those kept.
            # Some of timm's networks have a layer between the last map and the classifier, which stays unused.
            unused = model.trunk.library == "timm"
            apart: dict[str, Any] = {SYNC_BUFFERS: False}
            self._call = DistributedDataParallel(model, find_unused_parameters=unused, **apart)
        if compiled:
            self._call = torch.compile(self._call)

    def __call__(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        device = inputs[0].device.type
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            outputs = self._call(*inputs)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        return tuple(gather(output.float(), self.part) for output in outputs)
