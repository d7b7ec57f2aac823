"""Random augmentation of an image, drawn from its key alone: the same on any thread, rank and machine.

The key is (seed, position in the order, role in the triplet), so that a resumed run sees the same pixels again.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.data.images import Image, resize

Key = tuple[int, int, int]

SMALLEST_CROP = 0.8
"""Side of the smallest crop, as a share of the image."""
BRIGHTNESS, CONTRAST, SATURATION = 0.25, 0.25, 0.4
"""Each factor is drawn from 1 ± this."""
HUE = np.pi / 10
"""Colors turn about the gray axis by up to ± this angle."""


class Draws(NamedTuple):
    """The random numbers of one key. All are drawn always, so that one augmentation does not change the others."""

    mirrored: bool
    scale: float
    """Side of the crop, as a share of the image."""
    x: float
    y: float
    """Where the crop lies: 0 at the left or top border of the image, 1 at the right or bottom."""
    color_matrix: NDArray[np.float64]
    """A 3×4 affine map of RGB."""


def draw(key: Key) -> Draws:
    """Draw the random numbers of a key."""
    random = np.random.default_rng(key)
    return Draws(
        mirrored=random.random() < 0.5,
        scale=random.uniform(SMALLEST_CROP, 1),
        x=random.random(),
        y=random.random(),
        color_matrix=_draw_color_matrix(random),
    )


def augment(image: Image, size: int, names: Collection[str], key: Key) -> Image:
    """Resize an image to size × size × 3 and apply the augmentations in `names` (mirror, crop, color)."""
    draws = draw(key)
    if "crop" in names:
        top, left, side = crop_box(image.shape[0], image.shape[1], draws)
        image = image[top : top + side, left : left + side]
    image = resize(image, size)
    if "mirror" in names and draws.mirrored:
        image = image[:, ::-1]
    if "color" in names:
        image = np.asarray(cv2.transform(np.ascontiguousarray(image), draws.color_matrix), np.uint8)
    return image


def crop_box(height: int, width: int, draws: Draws) -> tuple[int, int, int]:
    """Top, left and side of the crop, in pixels."""
    side = round(draws.scale * height)
    return round(draws.y * (height - side)), round(draws.x * (width - side)), side


def _draw_color_matrix(random: np.random.Generator) -> NDArray[np.float64]:
    """Draw one 3×4 affine map of RGB that changes brightness, contrast, saturation and hue together."""
    brightness = random.uniform(1 - BRIGHTNESS, 1 + BRIGHTNESS)
    contrast = random.uniform(1 - CONTRAST, 1 + CONTRAST)
    saturation = random.uniform(1 - SATURATION, 1 + SATURATION)
    rotation, _ = cv2.Rodrigues(random.uniform(-HUE, HUE) * np.full(3, 1 / np.sqrt(3)))
    gray = np.full((3, 3), 1 / 3)
    colors = brightness * contrast * (gray + saturation * rotation @ (np.eye(3) - gray))
    offset = np.full((3, 1), 127.5 * (1 - contrast))
    return np.hstack([colors, offset])
