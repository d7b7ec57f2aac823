"""Images to features: of a trunk, of gradients (HOG), of nothing at all (pixels)."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from trainer.data.images import Image
from trainer.models.trunk import Trunk

HOG_SIDE = 96
BATCH = 64

# N = images, S = side, C = channels, D = features


def pixel_features(images_NSSC: Image) -> NDArray[np.float32]:
    """The raw values, N×(S·S·3)."""
    return images_NSSC.reshape(len(images_NSSC), -1).astype(np.float32)


def hog_features(images_NSSC: Image) -> NDArray[np.float32]:
    """Histograms of oriented gradients, N×4356: 96×96 images, cells of 8×8, blocks of 2×2 cells, 9 orientations."""
    hog = cv2.HOGDescriptor((HOG_SIDE, HOG_SIDE), (16, 16), (8, 8), (8, 8), 9)
    return np.stack([np.ravel(hog.compute(image)) for image in images_NSSC]).astype(np.float32)


@torch.no_grad()
def trunk_features(trunk: Trunk, images_NSSC: Image) -> NDArray[np.float32]:
    """The trunk's last map, flattened: at 96×96 the 4608 values that pool5 has in the paper (Sec. 6.1)."""
    trunk.eval()
    maps = [trunk(batch_NCHW.to(trunk.mean.device)).flatten(1).cpu() for batch_NCHW in batches(images_NSSC)]
    return torch.cat(maps).numpy()


def batches(images_NSSC: Image) -> Iterator[torch.Tensor]:
    """The images as uint8 tensors, N×C×S×S, some at a time."""
    for start in range(0, len(images_NSSC), BATCH):
        yield torch.from_numpy(images_NSSC[start : start + BATCH]).permute(0, 3, 1, 2)
