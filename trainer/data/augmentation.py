"""Random changes of an image, drawn from its key alone: the same on any thread, rank and machine.

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
"""Colors turn about the gray axis by up to ± this."""


class Draws(NamedTuple):
    """What a key decides. Every draw is made whatever is on: switching one change on leaves the others as they were."""

    mirrored: bool
    scale: float
    """Side of the crop, as a share of the image."""
    across: float
    down: float
    """Where the crop lies in the room that it has, from 0 to 1."""
    color_matrix: NDArray[np.float64]
    """A 3×4 affine map of RGB."""


def draw(key: Key) -> Draws:
    """The same for ever."""
    random = np.random.default_rng(key)
    return Draws(
        mirrored=random.random() < 0.5,
        scale=random.uniform(SMALLEST_CROP, 1),
        across=random.random(),
        down=random.random(),
        color_matrix=_draw_color_matrix(random),
    )


def augment(image: Image, size: int, names: Collection[str], key: Key) -> Image:
    """The image at size × size × 3, changed as `names` (mirror, crop, color) say."""
    drawn = draw(key)
    if "crop" in names:
        top, left, side = crop_box(image.shape[0], image.shape[1], drawn)
        image = image[top : top + side, left : left + side]
    image = resize(image, size)
    if "mirror" in names and drawn.mirrored:
        image = image[:, ::-1]
    if "color" in names:
        image = np.asarray(cv2.transform(np.ascontiguousarray(image), drawn.color_matrix), np.uint8)
    return image


def crop_box(height: int, width: int, drawn: Draws) -> tuple[int, int, int]:
    """Top, left and side of the crop."""
    side = round(drawn.scale * height)
    return round(drawn.down * (height - side)), round(drawn.across * (width - side)), side


def _draw_color_matrix(random: np.random.Generator) -> NDArray[np.float64]:
    """One 3×4 affine map of RGB that changes brightness, contrast, saturation and hue at once."""
    brightness = random.uniform(1 - BRIGHTNESS, 1 + BRIGHTNESS)
    contrast = random.uniform(1 - CONTRAST, 1 + CONTRAST)
    saturation = random.uniform(1 - SATURATION, 1 + SATURATION)
    turn, _ = cv2.Rodrigues(random.uniform(-HUE, HUE) * np.full(3, 1 / np.sqrt(3)))
    gray = np.full((3, 3), 1 / 3)
    colors = brightness * contrast * (gray + saturation * turn @ (np.eye(3) - gray))
    middle = np.full((3, 1), 127.5 * (1 - contrast))
    return np.hstack([colors, middle])
