"""The memory queue: embeddings of earlier steps, as further negatives (MoCo, XBM), that know their groups."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Q = places of the queue, N = images of a batch, D = embedding


class MemoryQueue(nn.Module):
    """A ring of the last Q embeddings. It is a part of the model, so it is in its checkpoints."""

    embeddings_QD: Tensor
    groups_Q: Tensor
    filled_Q: Tensor
    next: Tensor

    def __init__(self, places: int, embedding: int) -> None:
        super().__init__()
        self.register_buffer("embeddings_QD", torch.zeros(places, embedding))
        self.register_buffer("groups_Q", torch.zeros(places, dtype=torch.int64))
        self.register_buffer("filled_Q", torch.zeros(places, dtype=torch.bool))
        self.register_buffer("next", torch.zeros((), dtype=torch.int64))
        """The place that is written next."""

    @torch.no_grad()
    def push(self, embeddings_ND: Tensor, groups_N: Tensor) -> None:
        """Remember these, of unit length and without their history, in the places of the oldest."""
        places = len(self.groups_Q)
        recent_ND = F.normalize(embeddings_ND[-places:].float(), dim=1)
        at_N = (self.next + torch.arange(len(recent_ND), device=self.next.device)) % places
        self.embeddings_QD[at_N] = recent_ND
        self.groups_Q[at_N] = groups_N[-places:]
        self.filled_Q[at_N] = True
        self.next.copy_((self.next + len(recent_ND)) % places)
