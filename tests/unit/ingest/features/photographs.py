"""Real images as crops."""

from __future__ import annotations

import numpy as np
import skimage.data
from numpy.typing import NDArray


def photographs() -> NDArray[np.uint8]:
    image: NDArray[np.uint8] = skimage.data.astronaut()  # type: ignore[no-untyped-call]
    return np.stack([image[y : y + 96, x : x + 96] for y, x in ((0, 150), (60, 180), (300, 50), (400, 400))])
