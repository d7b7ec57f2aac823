"""Batch normalization beside each convolution while context prediction is trained, and folded away afterwards.

Its authors need it to train at all, and hand their network on without: the paper's VGG16 has none.
"""

from __future__ import annotations

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models import list_models

from trainer.model import Trunk

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
    fused = [
        fuse_conv_bn_eval(one.eval(), following.eval())
        for one, following in zip(parts, parts[1:], strict=False)
        if isinstance(one, nn.Conv2d) and isinstance(following, nn.BatchNorm2d)
    ]
    for convolution, of_twin in zip((part for part in plain.modules() if isinstance(part, nn.Conv2d)), fused, strict=True):
        convolution.load_state_dict(of_twin.state_dict())
    return plain.eval()
