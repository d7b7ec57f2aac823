"""`supervised`: cross-entropy on a labelled folder, the upper reference (the paper's ImageNet row)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foundation.settings import invalid
from trainer.data.augmentation import augment
from trainer.data.batch import Batch
from trainer.data.image_folder import ImageFolder
from trainer.data.images import decode_image, middle_square
from trainer.data.triplets import TripletSource
from trainer.distributed.ranks import RankShard
from trainer.models.siamese import Model
from trainer.models.trunk import Trunk, initialize
from trainer.settings import TrainSettings

# N = images, S = side, K = classes

IMAGE = 0
"""Ends the keys of augmentation: each image stands alone."""


class Classifier(Model):
    """A trunk and two layers."""

    def __init__(self, architecture: str, image_size: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.trunk = Trunk(architecture, image_size)
        flat = self.trunk.flat_size(image_size)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(flat, hidden), nn.ReLU(), nn.Linear(hidden, classes))
        self.head.apply(initialize)
        self.to(memory_format=torch.channels_last)

    def forward(self, images_NCSS: Tensor) -> Tensor:
        """uint8 RGB images, to the scores of the classes, N×K."""
        scores_NK: Tensor = self.head(self.trunk(images_NCSS))
        return scores_NK


class Supervised:
    """A position holds one image of the folder; `settings.batch` are images here."""

    def __init__(self, settings: TrainSettings, source: TripletSource) -> None:
        self.settings = settings
        self.folder = labelled(settings)

    @staticmethod
    def build(settings: TrainSettings) -> Model:
        classes = len(labelled(settings).classes)
        return Classifier(settings.trunk, settings.image_size, settings.head_widths[0], classes)

    def load(self, position: int, part: RankShard) -> Batch:
        positions = range(position, position + self.settings.batch)
        index = self.folder.at(self.settings.seed, positions)
        images = [self._image(index[row], positions[row]) for row in part.of(len(index))]
        return Batch(
            position=position,
            inputs=(torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2),),
            targets={"label_N": torch.from_numpy(self.folder.labels_N[index])},
            pairs={"image": len(index)},
            images=len(index),
        )

    def loss(self, model: Model, outputs: tuple[Tensor, ...], batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        label_N = batch.targets["label_N"]
        scores_NK = outputs[0][: len(label_N)]
        return F.cross_entropy(scores_NK, label_N), {"accuracy": (scores_NK.argmax(1) == label_N).float().mean()}

    def _image(self, index: int, position: int) -> np.ndarray:
        path, settings = self.folder.paths[index], self.settings
        image = middle_square(decode_image(path.read_bytes(), str(path)))
        return augment(image, settings.image_size, settings.augmentations, (settings.seed, position, IMAGE))


def labelled(settings: TrainSettings) -> ImageFolder:
    """The folder of the settings. Raises SettingsError where there is none, or it has no two classes."""
    if settings.images_folder is None:
        raise invalid("images", settings.images, "a folder of labeled images, with one folder per class")
    folder = ImageFolder.read(settings.images_folder)
    if len(folder.classes) < 2:
        raise invalid("images", str(folder.root), "a folder with images of two classes or more; it has one class")
    return folder
