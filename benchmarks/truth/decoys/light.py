"""Light that changes: flicker, exposure, shadows, reflections, and a slow zoom over a photograph."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from benchmarks.truth.decoys.canvas import FRAMES, RATE, Canvas, blobs
from benchmarks.truth.drawing import shift, smooth_walk, warp
from benchmarks.truth.photos import Image


def flicker(canvas: Canvas) -> Iterator[Image]:
    """Lamps flicker in a part of the picture, and the exposure pumps."""
    ground = canvas.still().astype(np.float32)
    lamp = np.clip(blobs(canvas.size, canvas.short / 3, canvas.rng), 0, 1)[..., None]
    strength, rate = canvas.rng.uniform(0.1, 0.3), canvas.rng.uniform(0.3, 1.0)
    noise = smooth_walk(FRAMES, 1.0, canvas.rng)
    for index in range(FRAMES):
        pump = 1 + 0.25 * np.sin(2 * np.pi * rate * index / RATE)
        yield np.asarray(np.clip(ground * pump * (1 + strength * noise[index] * lamp), 0, 255), np.uint8)


def shadows(canvas: Canvas) -> Iterator[Image]:
    """Soft shadows, as of people and clouds outside the picture, travel over it."""
    ground = canvas.still().astype(np.float32)
    width, height = canvas.size
    large = np.clip(blobs((2 * width, height), canvas.short / 3, canvas.rng) - 0.5, 0, 1)
    soft = cv2.GaussianBlur(large, (0, 0), canvas.short / 40)
    dark, speed = canvas.rng.uniform(0.3, 0.6), canvas.rng.uniform(0.1, 0.3) * canvas.short / RATE
    for index in range(FRAMES):
        shade = cv2.warpAffine(soft, shift(-speed * index, 0)[:2], canvas.size, borderMode=cv2.BORDER_WRAP)
        yield np.asarray(ground * (1 - dark * np.asarray(shade)[..., None]), np.uint8)


def reflections(canvas: Canvas) -> Iterator[Image]:
    """A pane in front of a still scene reflects another scene, which passes by."""
    ground, mirrored = canvas.still().astype(np.float32), canvas.photo()
    share, speed = canvas.rng.uniform(0.12, 0.3), canvas.rng.uniform(0.1, 0.3) * canvas.short / RATE
    for index in range(FRAMES):
        passing = warp(mirrored, shift(speed * (index - FRAMES / 2), 0), canvas.size)
        yield np.asarray(ground * (1 - share) + share * passing.astype(np.float32), np.uint8)


def photo_zoom(canvas: Canvas) -> Iterator[Image]:
    """The camera zooms and drifts slowly over a photograph."""
    image = canvas.photo()
    rate = canvas.rng.choice([-1, 1]) * canvas.rng.uniform(0.0005, 0.002)
    drift = canvas.rng.uniform(-0.4, 0.4, 2)
    for index in range(FRAMES):
        time = index - FRAMES / 2
        yield canvas.view(image, drift[0] * time, drift[1] * time, 1.1 * float(np.exp(rate * time)))
