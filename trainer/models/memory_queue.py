"""The memory queue (MoCo, XBM): embeddings of earlier steps and their groups, used as further negatives."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Q = capacity of the queue, N = images of a batch, D = embedding


class MemoryQueue(nn.Module):
    """A ring buffer of the last Q embeddings. It is a part of the model, so checkpoints include it."""

    embeddings_QD: Tensor
    groups_Q: Tensor
    filled_Q: Tensor
    next: Tensor

    def __init__(self, capacity: int, embedding: int) -> None:
        super().__init__()
        self.register_buffer("embeddings_QD", torch.zeros(capacity, embedding))
        self.register_buffer("groups_Q", torch.zeros(capacity, dtype=torch.int64))
        self.register_buffer("filled_Q", torch.zeros(capacity, dtype=torch.bool))
        self.register_buffer("next", torch.zeros((), dtype=torch.int64))
        """Index of the slot that is written next."""

    @torch.no_grad()
    def push(self, embeddings_ND: Tensor, groups_N: Tensor) -> None:
        """Store the embeddings, normalized and without gradient, in the slots of the oldest."""
        capacity = len(self.groups_Q)
        recent_ND = F.normalize(embeddings_ND[-capacity:].float(), dim=1)
        slots_N = (self.next + torch.arange(len(recent_ND), device=self.next.device)) % capacity
        self.embeddings_QD[slots_N] = recent_ND
        self.groups_Q[slots_N] = groups_N[-capacity:]
        self.filled_Q[slots_N] = True
        self.next.copy_((self.next + len(recent_ND)) % capacity)
