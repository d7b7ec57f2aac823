"""Batch normalization beside each convolution while context prediction is trained, and folded away afterwards.

Its authors need it to train at all, and hand their network on without: the paper's VGG16 has none.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm  # the plain and the synchronized
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torchvision.models import list_models

from trainer.models.trunk import Trunk

NORMALIZED = "_bn"
"""What torchvision adds to a network's name where each convolution is followed by batch normalization."""


def normalized(architecture: str) -> str:
    """The twin of a network that has batch normalization; the network itself where there is none."""
    twin = architecture + NORMALIZED
    return twin if twin in list_models() else architecture


def folded(trunk: Trunk, architecture: str) -> Trunk:
    """The trunk as one of this architecture, which gives what the trunk gives in evaluation."""
    if trunk.architecture == architecture:
        return trunk
    plain, parts = Trunk(architecture), list(trunk.modules())
    pairs = [
        (one, norm) for one, norm in pairwise(parts) if isinstance(one, nn.Conv2d) and isinstance(norm, _BatchNorm)
    ]
    convolutions = [part for part in plain.modules() if isinstance(part, nn.Conv2d)]
    with torch.no_grad():
        for convolution, (one, norm) in zip(convolutions, pairs, strict=True):
            assert norm.running_mean is not None and norm.running_var is not None
            weight, bias = fuse_conv_bn_weights(
                one.weight, one.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
            )
            convolution.load_state_dict({"weight": weight, "bias": bias})
    return plain.eval()
