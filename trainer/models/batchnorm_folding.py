"""Batch normalization after each convolution while context prediction is trained, and folded away afterwards.

The authors of context prediction need it to train at all, and publish their network without it, as the paper's VGG16.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm  # the base of the plain and the synchronized one
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torchvision.models import list_models

from trainer.models.trunk import Trunk

SUFFIX = "_bn"
"""Ends torchvision's name of a network that has batch normalization after each convolution."""


def with_batchnorm(architecture: str) -> str:
    """Name the variant of a network with batch normalization; the network itself if there is no such variant."""
    variant = architecture + SUFFIX
    return variant if variant in list_models() else architecture


def fold_batchnorm(trunk: Trunk, architecture: str) -> Trunk:
    """Make a trunk of the plain architecture whose maps equal those of `trunk` in evaluation mode."""
    if trunk.architecture == architecture:
        return trunk
    plain, parts = Trunk(architecture), list(trunk.modules())
    pairs = [
        (part, norm) for part, norm in pairwise(parts) if isinstance(part, nn.Conv2d) and isinstance(norm, _BatchNorm)
    ]
    convolutions = [part for part in plain.modules() if isinstance(part, nn.Conv2d)]
    with torch.no_grad():
        for convolution, (source, norm) in zip(convolutions, pairs, strict=True):
            assert norm.running_mean is not None and norm.running_var is not None
            weight, bias = fuse_conv_bn_weights(
                source.weight, source.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
            )
            convolution.load_state_dict({"weight": weight, "bias": bias})
    return plain.eval()
