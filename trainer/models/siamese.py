"""The network of Sec. 5: one trunk that all images share, then two fully connected layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainer.models.memory_queue import MemoryQueue
from trainer.models.trunk import Trunk, initialize

# N = images, C = channels, H = height, W = width, D = embedding


class Model(nn.Module):
    """What an objective trains: a trunk, and the layers that the objective adds. Called with a batch's inputs."""

    trunk: Trunk

    def exported_trunk(self) -> Trunk:
        """The trunk in the form in which it is saved for use elsewhere."""
        return self.trunk


class TripletSiamese(Model):
    """One trunk and one head for anchors, positives and negatives: three towers that share all weights.

    All images of a step go through in one forward pass, so that batch normalization sees them together.
    """

    def __init__(
        self, architecture: str, image_size: int, head_widths: tuple[int, int] = (4096, 1024), queue: int = 0
    ) -> None:
        super().__init__()
        hidden, embedding = head_widths
        self.queue = MemoryQueue(queue, embedding) if queue else None
        self.trunk = Trunk(architecture, image_size)
        flat = self.trunk.flat_size(image_size)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(flat, hidden), nn.ReLU(), nn.Linear(hidden, embedding))
        self.head.apply(initialize)
        self.to(memory_format=torch.channels_last)

    def forward(self, images_NCHW: Tensor) -> Tensor:
        """Map uint8 RGB images, N×3×H×W, to embeddings, N×D."""
        embeddings_ND: Tensor = self.head(self.trunk(images_NCHW))
        return embeddings_ND
