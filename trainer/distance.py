"""How far apart two embeddings are."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

# B = batch, D = embedding


def cosine_distance(a_BD: Tensor, b_BD: Tensor) -> Tensor:
    """D = 1 − cos, row by row: 0 for one direction, 1 for orthogonal, 2 for opposite (Sec. 5). Shape B."""
    return 1 - F.cosine_similarity(a_BD, b_BD, dim=1)
