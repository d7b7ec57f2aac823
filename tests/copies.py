"""Copies of videos as people upload them: encoded again, cropped, at another frame rate, cut short."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Upload:
    """How a copy differs from its original."""

    crop: float
    """Share of each side that is cut away; what is left is enlarged to the old size."""
    place: tuple[float, float]
    """Where the crop lies: 0 cuts at the right or bottom only, 1 at the left or top only."""
    rate: Fraction
    """Frames a second of the copy; frames are dropped or repeated, time goes on as it did."""
    skip: int
    """Frames cut off at the start."""
    quality: int
    """x264's constant rate factor; 18 can hardly be told from the original, 34 is bad."""
    light: float
    """Factor of all values."""


def draw(rng: np.random.Generator) -> Upload:
    """An upload as it may come."""
    return Upload(
        crop=float(rng.uniform(0, 0.1)),
        place=(float(rng.uniform()), float(rng.uniform())),
        rate=Fraction(int(rng.choice([20, 24, 25, 30]))),
        skip=int(rng.integers(0, 6)),
        quality=int(rng.integers(23, 33)),
        light=float(rng.uniform(0.9, 1.1)),
    )


def upload(original: Path, copy: Path, how: Upload) -> None:
    """Write `copy`, a video of the same content as `original` and of other bytes."""
    frames, times = _decoded(original)
    frames, times = frames[how.skip :], times[how.skip :] - times[how.skip]
    with av.open(str(copy), "w") as container:
        stream = container.add_stream("libx264", rate=how.rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(how.quality), "x264-params": "threads=1:asm=avx2"}
        for at in np.arange(0, times[-1] + 1e-9, 1 / float(how.rate)):
            shown = frames[int(np.searchsorted(times, at + 1e-6, side="right")) - 1]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(_altered(shown, how), format="bgr24")))
        container.mux(stream.encode())


def _decoded(path: Path) -> tuple[list[Image], NDArray[np.float64]]:
    with av.open(str(path)) as container:
        pictures = list(container.decode(video=0))
    images = [np.asarray(picture.to_ndarray(format="bgr24"), np.uint8) for picture in pictures]
    return images, np.array([picture.time for picture in pictures])


def _altered(frame: Image, how: Upload) -> Image:
    height, width = frame.shape[:2]
    rows, columns = round(height * (1 - how.crop)), round(width * (1 - how.crop))
    top, left = round((height - rows) * how.place[1]), round((width - columns) * how.place[0])
    part = cv2.resize(frame[top : top + rows, left : left + columns], (width, height), interpolation=cv2.INTER_CUBIC)
    lit: Image = np.clip(part.astype(np.float32) * how.light, 0, 255).astype(np.uint8)
    return lit
