"""What training makes small."""

from __future__ import annotations

from torch import Tensor

# T = triplets


def triplet_margin_loss(ap_dist_T: Tensor, an_dist_T: Tensor, margin: float) -> Tensor:
    """The hinge max(0, D(a,p) − D(a,n) + margin) (Sec. 5), averaged over all triplets, those at zero included.

    The mean includes the zeros, as the authors' earlier code does: a batch of easy triplets moves the weights little.
    """
    return (ap_dist_T - an_dist_T + margin).clamp(min=0).mean()
