"""What waves and does not get on: grass, leaves, water."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.truth.decoys.canvas import FRAMES, RATE, Canvas, blobs
from benchmarks.truth.photos import Image


def grass(canvas: Canvas) -> Iterator[Image]:
    """Blades with a fixed foot sway in gusts of wind, in front of a photograph."""
    ground = canvas.still()
    width, height = canvas.size
    count = width // 4
    feet = np.stack((canvas.rng.uniform(0, width, count), np.full(count, height + 5.0)), axis=-1)
    lengths = canvas.rng.uniform(0.25, 0.6, count) * height
    lean, phase = canvas.rng.uniform(-0.15, 0.15, count), canvas.rng.uniform(0, 1, count)
    shades = canvas.rng.uniform(0.4, 1.0, count)
    rate, reach = canvas.rng.uniform(0.5, 1.2), canvas.rng.uniform(0.08, 0.2)
    for index in range(FRAMES):
        image = ground.copy()
        wind = np.sin(2 * np.pi * (rate * index / RATE - feet[:, 0] / width + 0.3 * phase))
        bend = lean + reach * wind * (1 + np.sin(0.7 * index / RATE)) / 2
        for foot, length, angle, shade in zip(feet, lengths, bend, shades, strict=True):
            _blade(image, foot, length, angle, shade)
        yield image


def _blade(image: Image, foot: NDArray[np.float64], length: float, angle: float, shade: float) -> None:
    """Draw one blade, which bends more towards its tip."""
    share = np.linspace(0, 1, 6)
    points = foot + length * np.stack((np.sin(angle) * share**2 * 2, -share), axis=-1)
    color = (30 * shade, 170 * shade, 80 * shade)
    cv2.polylines(image, [np.rint(points * 16).astype(np.int32)], False, color, 3, cv2.LINE_AA, shift=4)


def leaves(canvas: Canvas) -> Iterator[Image]:
    """Twigs with leaves swing to and fro at the border of the picture."""
    ground = canvas.still()
    count = int(canvas.rng.integers(3, 6))
    roots = [np.array([x, -10.0]) for x in canvas.rng.uniform(0, canvas.size[0], count)]
    lengths = canvas.rng.uniform(0.4, 0.7, count) * canvas.size[1]
    rates, phases = canvas.rng.uniform(0.4, 1.0, count), canvas.rng.uniform(0, 6.3, count)
    shapes = [canvas.rng.uniform([0.2, -0.6, 0.5], [1.0, 0.6, 1.0], (14, 3)) for _ in range(count)]
    for index in range(FRAMES):
        image = ground.copy()
        for root, length, rate, phase, twig in zip(roots, lengths, rates, phases, shapes, strict=True):
            swing = 0.15 * np.sin(2 * np.pi * rate * index / RATE + phase)
            for at, side, shade in twig:
                angle = swing * at + side * 0.5
                tip = root + length * at * np.array([np.sin(angle), np.cos(angle)])
                axes = (round(length / 10), round(length / 28))
                color = (30 * shade, 150 * shade, 70 * shade)
                degrees = float(np.rad2deg(90 - angle + 3 * swing))
                cv2.ellipse(image, (round(tip[0]), round(tip[1])), axes, degrees, 0, 360, color, -1, cv2.LINE_AA)
        yield image


def water(canvas: Canvas) -> Iterator[Image]:
    """The lower half of a photograph ripples, and glitters."""
    ground = canvas.still()
    width, height = canvas.size
    columns, rows = (grid.astype(np.float32) for grid in np.meshgrid(np.arange(width), np.arange(height)))
    depth = np.clip((rows / height - 0.45) * 2, 0, 1)
    waves = [
        (canvas.rng.uniform(0.02, 0.12), canvas.rng.uniform(0.05, 0.3), canvas.rng.uniform(1, 6)) for _ in range(4)
    ]
    glitter = blobs(canvas.size, canvas.short / 60, canvas.rng)
    for index in range(FRAMES):
        time = index / RATE
        phases = [across * columns + down * rows + pace * time for across, down, pace in waves]
        sway = depth * canvas.short * 0.008 * sum(np.sin(phase) for phase in phases)
        image = cv2.remap(ground, columns + sway, rows + sway / 2, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        light = 60 * depth * (glitter * np.sin(phases[0]) > 1.2)
        yield np.asarray(np.clip(image + light[..., None], 0, 255), np.uint8)
