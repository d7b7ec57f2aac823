"""Make copies of videos like those that people upload: encoded again, cropped, at another frame rate, cut short."""

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
    """Share of each side that is cut off; the rest is enlarged to the original size."""
    place: tuple[float, float]
    """Position of the crop (x, y): 0 cuts only at the right or bottom, 1 only at the left or top."""
    rate: Fraction
    """Frames a second. Frames are dropped or repeated; the duration stays."""
    skip: int
    """Number of frames cut off at the start."""
    quality: int
    """Constant rate factor of x264: 18 is hardly visible, 34 is bad."""
    light: float
    """Factor for the brightness of all pixels."""


def draw(rng: np.random.Generator) -> Upload:
    """Draw random differences of a typical upload."""
    return Upload(
        crop=float(rng.uniform(0, 0.1)),
        place=(float(rng.uniform()), float(rng.uniform())),
        rate=Fraction(int(rng.choice([20, 24, 25, 30]))),
        skip=int(rng.integers(0, 6)),
        quality=int(rng.integers(23, 33)),
        light=float(rng.uniform(0.9, 1.1)),
    )


def upload(original: Path, copy: Path, changes: Upload) -> None:
    """Write `copy`, a video with the content of `original` and different bytes."""
    frames, times = _decoded(original)
    frames, times = frames[changes.skip :], times[changes.skip :] - times[changes.skip]
    with av.open(str(copy), "w") as container:
        stream = container.add_stream("libx264", rate=changes.rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(changes.quality), "x264-params": "threads=1:asm=avx2"}
        for seconds in np.arange(0, times[-1] + 1e-9, 1 / float(changes.rate)):
            frame = frames[int(np.searchsorted(times, seconds + 1e-6, side="right")) - 1]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(_altered(frame, changes), format="bgr24")))
        container.mux(stream.encode())


def _decoded(path: Path) -> tuple[list[Image], NDArray[np.float64]]:
    with av.open(str(path)) as container:
        pictures = list(container.decode(video=0))
    images = [np.asarray(picture.to_ndarray(format="bgr24"), np.uint8) for picture in pictures]
    return images, np.array([picture.time for picture in pictures])


def _altered(frame: Image, changes: Upload) -> Image:
    height, width = frame.shape[:2]
    rows, columns = round(height * (1 - changes.crop)), round(width * (1 - changes.crop))
    top, left = round((height - rows) * changes.place[1]), round((width - columns) * changes.place[0])
    part = cv2.resize(frame[top : top + rows, left : left + columns], (width, height), interpolation=cv2.INTER_CUBIC)
    lit: Image = np.clip(part.astype(np.float32) * changes.light, 0, 255).astype(np.uint8)
    return lit
