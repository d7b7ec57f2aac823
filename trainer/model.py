"""The network of Sec. 5: one trunk that all images share, then two fully connected layers."""

from __future__ import annotations

from collections import OrderedDict

import torch
import torchvision
from torch import Tensor, nn

from trainer.queue import MemoryQueue

# N = images, C = channels, H = height, W = width, D = embedding

# Of torchvision's models; inputs of later users of the weights are expected to be scaled by these too.
RGB_MEAN, RGB_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

CLASSIFIER = {"resnet18": "fc", "vgg16": "classifier"}
"""The part of each torchvision network that the trunk leaves out, besides the pooling before it."""


class Trunk(nn.Sequential):
    """The convolutions of a torchvision network; the spatial map is kept, not averaged.

    A trunk's parameters have the names they have in torchvision. At 96×96 the map is 512×3×3, or 4608 flat.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, architecture: str) -> None:
        # On `meta` nothing is allocated: the classifier of VGG16, which is dropped, is most of its weight.
        with torch.device("meta"):
            net = torchvision.models.get_model(architecture, weights=None)
        dropped = {"avgpool", CLASSIFIER[architecture]}
        super().__init__(OrderedDict((name, part) for name, part in net.named_children() if name not in dropped))
        self.to_empty(device="cpu")
        self.apply(_initialize)
        self.architecture = architecture
        self.register_buffer("mean", 255 * torch.tensor(RGB_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(RGB_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, images_NCHW: Tensor) -> Tensor:
        """uint8 RGB images, N×3×H×W, to maps, N×512×(H/32)×(W/32)."""
        maps_NCHW = (images_NCHW - self.mean) / self.std
        for part in self:
            maps_NCHW = part(maps_NCHW)
        return maps_NCHW


class Model(nn.Module):
    """What an objective trains: a trunk, and what it needs beside it. Called with a batch's inputs."""

    trunk: Trunk


class TripletSiamese(Model):
    """One trunk and head for anchors, positives and negatives alike: three towers that are one network.

    All images of a step go through in one forward, so that a trunk with batch normalization sees them together.
    """

    def __init__(
        self, architecture: str, image_size: int, head_widths: tuple[int, int] = (4096, 1024), queue: int = 0
    ) -> None:
        super().__init__()
        hidden, embedding = head_widths
        self.queue = MemoryQueue(queue, embedding) if queue else None
        self.trunk = Trunk(architecture)
        flat = self._flat_size(image_size)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(flat, hidden), nn.ReLU(), nn.Linear(hidden, embedding))
        self.head.apply(_initialize)
        self.to(memory_format=torch.channels_last)

    def forward(self, images_NCHW: Tensor) -> Tensor:
        """uint8 RGB images, N×3×H×W, to embeddings, N×D."""
        embeddings_ND: Tensor = self.head(self.trunk(images_NCHW))
        return embeddings_ND

    @torch.no_grad()
    def _flat_size(self, image_size: int) -> int:
        """Values of a map. In evaluation mode, so that no running mean sees the blank image."""
        blank = torch.zeros(1, 3, image_size, image_size, dtype=torch.uint8)
        size = self.trunk.eval()(blank).numel()
        self.trunk.train()
        return int(size)


def _initialize(part: nn.Module) -> None:
    """Weights for a network that starts from nothing: in the trunk (He et al.) the signal keeps its size through ReLUs.

    The head begins smaller. The cosine forgets lengths, so a small weight turns faster under the same learning rate.
    """
    if isinstance(part, nn.Conv2d):
        nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(part, (nn.Linear, nn.BatchNorm2d)):
        part.reset_parameters()
    if isinstance(part, (nn.Conv2d, nn.Linear)) and part.bias is not None:
        nn.init.zeros_(part.bias)
