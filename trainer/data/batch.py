"""What one step is trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """The pixels of one step, and what the model's outputs are held against."""

    position: int
    inputs: tuple[Tensor, ...]
    """What the model is called with: of each, this rank's rows. Images are uint8, RGB, channels last in memory."""
    targets: Mapping[str, Tensor]
    """The objective's own: which rows are pairs, labels. Of the whole batch, on every rank."""
    pairs: Mapping[str, int]
    """How many pairs (or examples) of each kind the whole batch has."""
    images: int
    """Images that the whole batch puts through the trunk."""

    def pin(self) -> Batch:
        """The same in page-locked memory, from where a GPU copies while the CPU goes on."""
        return replace(
            self,
            # What was decoded on a GPU is there already.
            inputs=tuple(tensor if tensor.is_cuda else tensor.pin_memory() for tensor in self.inputs),
            targets={name: tensor.pin_memory() for name, tensor in self.targets.items()},
        )

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        return replace(
            self,
            inputs=tuple(tensor.to(device, non_blocking=True) for tensor in self.inputs),
            targets={name: tensor.to(device, non_blocking=True) for name, tensor in self.targets.items()},
        )
