"""Pairs of patches for context prediction (Doersch et al. 2015): where does one patch lie relative to another?

The geometry is that of the authors' code, in units of the patch: of 96 pixels, a gap of 48, a jitter of 7, images of
150,000 to 450,000 pixels. For a network of another size, all is scaled to that size. The lens's chromatic aberration
would give the answer away, so only one color channel is kept.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.data.images import Image

# S = side, C = channels

PATCH = 96
"""Side of a patch in the authors' code. The lengths below are in pixels of such a patch."""
GAP = 48
JITTER = 7
AREA = (150_000, 450_000)
"""Pixels of the whole image."""
SMALLEST = 10
"""The smallest side that a patch is down-sampled to."""
DOWN_SAMPLED = 1 / 3
"""Share of the patches that are down-sampled."""
NEIGHBORS = tuple((down, across) for down in (-1, 0, 1) for across in (-1, 0, 1) if (down, across) != (0, 0))
"""The eight places around a patch, row by row: the classes that the network predicts."""

Patch = NDArray[np.float32]


def draw_place(key: tuple[int, ...]) -> int:
    """Draw the place of the second patch of this key's pair, as an index of NEIGHBORS."""
    return int(np.random.default_rng(key).integers(len(NEIGHBORS)))


def cut_pair(image: Image, size: int, key: tuple[int, ...]) -> Patch:
    """Cut two patches from an image (uint8, RGB, of any size), the second at the place that the key draws: 2×3×S×S.

    Each keeps one channel of the image, and has a mean square of 1. The same key gives the same patches.
    """
    random = np.random.default_rng(key)
    down, across = NEIGHBORS[int(random.integers(len(NEIGHBORS)))]
    scale = size / PATCH
    jitter, pitch = round(JITTER * scale), size + round(GAP * scale)
    scaled = _rescale(image, random.uniform(*AREA) * scale**2, pitch + size + 2 * jitter)
    height, width = scaled.shape[:2]
    corners = []
    # The first patch lies where both patches fit, for any jitter of either.
    y = random.integers(max(0, -down) * pitch + jitter, height - size - max(0, down) * pitch - jitter + 1)
    x = random.integers(max(0, -across) * pitch + jitter, width - size - max(0, across) * pitch - jitter + 1)
    for times in (0, 1):
        shift = random.integers(-jitter, jitter + 1, 2)
        corners.append((y + times * down * pitch + shift[0], x + times * across * pitch + shift[1]))
    return np.stack([color_drop(scaled[top : top + size, left : left + size], random) for top, left in corners])


def _rescale(image: Image, pixels: float, smallest: int) -> Image:
    """Scale an image to about this many pixels, but to no side shorter than `smallest`."""
    height, width = image.shape[:2]
    scale = max(np.sqrt(pixels / (height * width)), smallest / min(height, width))
    shape = (max(smallest, round(width * scale)), max(smallest, round(height * scale)))
    return np.asarray(cv2.resize(image, shape, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR))


def color_drop(patch_SSC: Image, random: np.random.Generator) -> Patch:
    """Keep one channel of a patch, sometimes down-sampled and up-sampled, and replace the others by noise.

    The result is 3×S×S, with a mean square of 1.
    """
    size = len(patch_SSC)
    channel = int(random.integers(3))
    kept_SS = patch_SSC[:, :, channel].astype(np.float32)
    if random.random() < DOWN_SAMPLED:
        side = int(random.integers(round(SMALLEST * size / PATCH), size + 1))
        small = cv2.resize(kept_SS, (side, side), interpolation=cv2.INTER_AREA)
        kept_SS = np.asarray(cv2.resize(small, (size, size)), np.float32)
    dropped_CSS = random.random((3, size, size), np.float32) - 0.5
    dropped_CSS[channel] = kept_SS - kept_SS.mean()
    dropped_CSS /= np.sqrt(np.mean(dropped_CSS**2))
    return dropped_CSS
