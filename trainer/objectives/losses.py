"""Losses: pure functions of distances and similarities."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# B = rows, D = embedding, T = pairs (or triplets), K = negatives a pair, N = images, M = candidates for a negative


def triplet_margin_loss(ap_dist_T: Tensor, an_dist_TK: Tensor, valid_TK: Tensor, margin: float) -> Tensor:
    """Average the hinge max(0, D(a,p) − D(a,n) + margin) (Sec. 5) over all valid triplets, those at zero included.

    `ap_dist_T` and `an_dist_TK` are cosine distances, in [0, 2]; `valid_TK` is bool. The result is a scalar, NaN
    without a valid triplet. The zeros count, as in the authors' earlier code: easy triplets move the weights little.
    """
    hinge_TK = (ap_dist_T[:, None] - an_dist_TK + margin).clamp(min=0)
    return (hinge_TK * valid_TK).sum() / valid_TK.sum()


def infonce_loss(ap_sim_T: Tensor, an_sim_TM: Tensor, negative_TM: Tensor, temperature: float) -> Tensor:
    """Average −log of the positive's share of exp(similarity / temperature) among itself and the negatives.

    `ap_sim_T` and `an_sim_TM` are cosines; `negative_TM`, bool, marks the candidates that are a pair's negatives. A
    pair without negatives has a loss of 0. The result is a scalar, the mean over pairs.
    """
    positive_T1 = ap_sim_T[:, None] / temperature
    negatives_TM = (an_sim_TM / temperature).masked_fill(~negative_TM, -torch.inf)
    return (torch.cat([positive_T1, negatives_TM], dim=1).logsumexp(dim=1) - positive_T1[:, 0]).mean()


def supcon_loss(sim_NM: Tensor, positive_NM: Tensor, negative_NM: Tensor, temperature: float) -> Tensor:
    """Compute the supervised contrastive loss (L_out of Khosla et al.): InfoNCE with many positives for each image.

    `sim_NM` are cosines; `positive_NM` and `negative_NM`, bool, mark the candidates that are an image's positives and
    negatives. An image's loss is the mean over its positives of −log of the positive's share among all its positives
    and negatives. The result is the mean over the images that have a positive, NaN if none has.
    """
    has_N = positive_NM.any(dim=1)
    # From here on N counts the images that have a positive: the total of an image without any would be −inf.
    logits_NM, positive_NM, negative_NM = sim_NM[has_N] / temperature, positive_NM[has_N], negative_NM[has_N]
    total_N1 = logits_NM.masked_fill(~(positive_NM | negative_NM), -torch.inf).logsumexp(dim=1, keepdim=True)
    return ((total_N1 - logits_NM) * positive_NM).sum(dim=1).div(positive_NM.sum(dim=1)).mean()


def cosine_distance(a_BD: Tensor, b_BD: Tensor) -> Tensor:
    """Compute D = 1 − cos row by row (Sec. 5), of shape B: 0 for equal directions, 1 for orthogonal, 2 for opposite."""
    return 1 - F.cosine_similarity(a_BD, b_BD, dim=1)
