"""Features of images: of a trunk, HOG, or the pixels themselves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.data.images import Image
from trainer.models.hog import Hog
from trainer.models.trunk import Trunk

HOG_SIDE = Hog().size
BATCH = 64

# N = images, S = side, C = channels, D = features


def pixel_features(images_NSSC: Image) -> NDArray[np.float32]:
    """Flatten the images: N×(S·S·3)."""
    return images_NSSC.reshape(len(images_NSSC), -1).astype(np.float32)


def hog_features(images_NSSC: Image) -> NDArray[np.float32]:
    """Compute HOG, N×4356: the same feature as the extractor `hog` of ingest, but for the length of the rows."""
    return Hog()(images_NSSC)


@torch.no_grad()
def trunk_features(trunk: Trunk, images_NSSC: Image) -> NDArray[np.float32]:
    """Flatten the trunk's last map: at 96×96 the 4,608 numbers that pool5 has in the paper (Sec. 6.1)."""
    trunk.eval()
    maps = [trunk(batch_NCSS.to(trunk.mean.device)).flatten(1).cpu() for batch_NCSS in batches(images_NSSC)]
    return torch.cat(maps).numpy()


def batches(images_NSSC: Image) -> Iterator[torch.Tensor]:
    """Yield the images as uint8 tensors, up to 64×C×S×S at a time."""
    for start in range(0, len(images_NSSC), BATCH):
        yield torch.from_numpy(images_NSSC[start : start + BATCH]).permute(0, 3, 1, 2)
