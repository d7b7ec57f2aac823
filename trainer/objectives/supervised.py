"""`supervised`: cross-entropy on a labeled folder, the upper reference (the paper's ImageNet row)."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foundation.errors import SettingsError
from trainer.data.augmentation import augment
from trainer.data.batch import Batch
from trainer.data.image_folder import ImageFolder
from trainer.data.images import Image, decode_image, middle_square
from trainer.data.triplets import TripletSource
from trainer.distributed.ranks import RankShard
from trainer.models.siamese import Model
from trainer.models.trunk import Trunk, initialize
from trainer.objectives.base import Measures
from trainer.settings import TrainSettings

# N = images, C = channels, S = side, K = classes

IMAGE = 0
"""Ends the keys of augmentation, in the place of a role in a triplet."""


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
        """Map uint8 RGB images to the scores of the classes, N×K."""
        scores_NK: Tensor = self.head(self.trunk(images_NCSS))
        return scores_NK


class Supervised:
    """Classification of the images of a folder. A position holds one image; `settings.batch` counts images here."""

    def __init__(self, settings: TrainSettings, source: TripletSource) -> None:
        self.settings = settings
        self.folder = labeled_folder(settings)

    @staticmethod
    def build(settings: TrainSettings) -> Model:
        classes = len(labeled_folder(settings).classes)
        return Classifier(settings.trunk, settings.image_size, settings.head_widths[0], classes)

    def load(self, position: int, shard: RankShard) -> Batch:
        positions = range(position, position + self.settings.batch)
        index = self.folder.indices_at(self.settings.seed, positions)
        images = [self._image(index[row], positions[row]) for row in shard.rows(len(index))]
        return Batch(
            position=position,
            inputs=(torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2),),
            targets={"label_N": torch.from_numpy(self.folder.labels_N[index])},
            pairs={"image": len(index)},
            images=len(index),
        )

    def loss(self, model: Model, outputs: tuple[Tensor, ...], batch: Batch) -> tuple[Tensor, Measures]:
        label_N = batch.targets["label_N"]
        scores_NK = outputs[0][: len(label_N)]
        return F.cross_entropy(scores_NK, label_N), {"accuracy": (scores_NK.argmax(1) == label_N).float().mean()}

    def _image(self, index: int, position: int) -> Image:
        path, settings = self.folder.paths[index], self.settings
        image = middle_square(decode_image(path.read_bytes(), str(path)))
        return augment(image, settings.image_size, settings.augmentations, (settings.seed, position, IMAGE))


def labeled_folder(settings: TrainSettings) -> ImageFolder:
    """Read the folder of the settings. Raises SettingsError if there is none, or if it has fewer than two classes."""
    if settings.images_folder is None:
        raise SettingsError("The setting images must name a folder of labeled images, with one folder for each class.")
    folder = ImageFolder.read(settings.images_folder)
    if len(folder.classes) < 2:
        raise SettingsError(f"The setting images names {folder.root}, which has one class. Two or more are needed.")
    return folder
