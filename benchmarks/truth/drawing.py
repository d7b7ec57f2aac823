"""Draw with planes: cut-outs of photographs, matrices that move them, and the noise of a sensor."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.truth.photos import Image

Matrix = NDArray[np.float64]
Size = tuple[int, int]
"""Width and height in pixels."""

NOISE_MARGIN = 64
"""Pixels by which a picture of noise is larger than the frame, so that each frame shows another part of it."""


def warp(image: Image, matrix: Matrix, size: Size) -> Image:
    """Transform an image into the frame. Beyond its border, a picture is mirrored, and a mask is 0."""
    border = cv2.BORDER_REFLECT if image.ndim == 3 else cv2.BORDER_CONSTANT
    return np.asarray(cv2.warpAffine(image, matrix[:2], size, borderMode=border), np.uint8)


def shift(x: float, y: float) -> Matrix:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def rotation(angle: float) -> Matrix:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1.0]])


def enlarge(image: Image, size: Size, rng: np.random.Generator) -> Image:
    """Scale a photograph to a little more than the frame, and mirror it or not."""
    scale = max(size[0] / image.shape[1], size[1] / image.shape[0]) * rng.uniform(1.0, 1.25)
    scaled = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    enlarged = cv2.resize(image, scaled, interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(enlarged[:, :: rng.choice([-1, 1])], np.uint8)


def piece(image: Image, side: int, rng: np.random.Generator) -> Image:
    """Cut a square with enough contrast from a photograph, and scale it to `side`."""
    for _ in range(20):
        cut = round(min(*image.shape[:2], side * rng.uniform(0.8, 1.6)))
        top, left = (int(rng.integers(length - cut + 1)) for length in image.shape[:2])
        found = np.asarray(cv2.resize(image[top : top + cut, left : left + cut], (side, side)), np.uint8)
        if found.std() > 35:
            break
    return found


def outline(side: int, area: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the points of an irregular shape in the center of a square, N×2 (x, y)."""
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    waves = sum(
        rng.uniform(0, 0.16 / order) * np.cos(order * angles + rng.uniform(0, 2 * np.pi)) for order in range(2, 6)
    )
    radius = np.clip(1 + waves, 0.6, 1.4)
    radius *= np.sqrt(area / (np.pi * np.mean(radius**2)))
    return np.asarray(side / 2 + np.stack((radius * np.cos(angles), radius * np.sin(angles)), axis=-1), np.float64)


def filled(side: int, points: NDArray[np.float64]) -> Image:
    """Return a square: 255 inside the outline, 0 outside."""
    mask = np.zeros((side, side), np.uint8)
    cv2.fillPoly(mask, [np.rint(points * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    return mask


def noise(deviation: int, size: Size, rng: np.random.Generator) -> NDArray[np.int16]:
    shape = (size[1] + NOISE_MARGIN, size[0] + NOISE_MARGIN, 3)
    return np.asarray(np.rint(rng.normal(0, deviation, shape)), np.int16)


def add_noise(image: Image, picture: NDArray[np.int16], offset: NDArray[np.int64]) -> Image:
    """Add the part of a picture of noise that begins at `offset`, rows and columns."""
    top, left = offset
    height, width = image.shape[:2]
    return cv2.add(image, picture[top : top + height, left : left + width], dtype=cv2.CV_8U)  # type: ignore[return-value]


def smooth_walk(frames: int, deviation: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the motion of a hand-held camera: noise, smoothed over a few frames, with this standard deviation."""
    smooth = np.convolve(rng.normal(size=frames + 8), np.hanning(9), mode="valid")
    return np.asarray(deviation * smooth / smooth.std(), np.float64)


def paste(image: Image, picture: Image, alpha: Image) -> Image:
    """Lay a picture over an image; `alpha` is its opacity, H×W, at most 255."""
    share = alpha[..., None].astype(np.float32) / 255
    return np.asarray(image + share * (picture.astype(np.float32) - image), np.uint8)
