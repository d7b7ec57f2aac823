"""The batch that one forward pass is trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Inputs of the model, and the targets that its outputs are compared with."""

    position: int
    """Position of its first pair in the order."""
    inputs: tuple[Tensor, ...]
    """What the model is called with; of each tensor, the rows of this rank. Images are uint8, RGB, channels last."""
    targets: Mapping[str, Tensor]
    """The objective's targets, such as indices of pairs, or labels. Of the whole batch, on every rank."""
    pairs: Mapping[str, int]
    """How many pairs (or examples) of each kind the whole batch has."""
    images: int
    """How many images the whole batch puts through the trunk."""

    def pin(self) -> Batch:
        """Copy the batch to page-locked memory, from which a GPU copies while the CPU works on."""
        return replace(
            self,
            # What was decoded on a GPU is there already.
            inputs=tuple(tensor if tensor.is_cuda else tensor.pin_memory() for tensor in self.inputs),
            targets={name: tensor.pin_memory() for name, tensor in self.targets.items()},
        )

    def to(self, device: torch.device) -> Batch:
        """Copy the batch to a device."""
        return replace(
            self,
            inputs=tuple(tensor.to(device, non_blocking=True) for tensor in self.inputs),
            targets={name: tensor.to(device, non_blocking=True) for name, tensor in self.targets.items()},
        )
