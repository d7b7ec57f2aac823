"""A talking head that stays where it is, and the recording of a screen."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.truth.decoys.canvas import FRAMES, RATE, WORDS, Canvas, write_text
from benchmarks.truth.drawing import smooth_walk
from benchmarks.truth.photos import Image

SKIN, LIPS, MOUTH, HAIR, SHIRT = (150, 180, 225), (90, 90, 190), (40, 30, 70), (40, 60, 80), (140, 90, 60)


def talking_head(canvas: Canvas) -> Iterator[Image]:
    """A head sways a little and stays; its mouth talks and its eyes blink."""
    ground = cv2.GaussianBlur(canvas.still(), (0, 0), canvas.short / 100)
    size = canvas.short * canvas.rng.uniform(0.25, 0.35)
    middle = np.array([canvas.size[0] * canvas.rng.uniform(0.4, 0.6), canvas.size[1] * 0.5])
    sway = np.stack([smooth_walk(FRAMES, 0.01 * size, canvas.rng) for _ in range(2)], axis=-1)
    words = np.abs(smooth_walk(FRAMES, 1.0, canvas.rng))
    grain = canvas.rng.normal(0, 8, (*canvas.size[::-1], 1))
    for index in range(FRAMES):
        image = np.asarray(ground, np.uint8).copy()
        blinks = index % (3 * RATE) < 4
        _head(image, middle + sway[index], size, min(1.0, 0.5 * float(words[index])), blinks)
        yield np.asarray(np.clip(image + grain, 0, 255), np.uint8)


def _head(image: Image, middle: NDArray[np.float64], size: float, opened: float, blinks: bool) -> None:
    def ellipse(right: float, down: float, across: float, high: float, color: tuple[int, int, int]) -> None:
        center = (round(16 * (middle[0] + right * size)), round(16 * (middle[1] + down * size)))
        axes = (round(16 * across * size), round(16 * high * size))
        cv2.ellipse(image, center, axes, 0, 0, 360, color, -1, cv2.LINE_AA, 4)

    ellipse(0, 1.9, 1.3, 1.0, SHIRT)
    ellipse(0, 0.9, 0.3, 0.5, SKIN)
    ellipse(0, -0.15, 0.78, 1.0, HAIR)
    ellipse(0, 0, 0.7, 0.9, SKIN)
    for side in (-0.27, 0.27):
        ellipse(side, -0.15, 0.12, 0.01 if blinks else 0.07, (250, 250, 250))
        ellipse(side, -0.15, 0.05, 0.01 if blinks else 0.06, (60, 40, 30))
        ellipse(side, -0.32, 0.14, 0.03, HAIR)
    ellipse(0, 0.12, 0.06, 0.12, (130, 160, 205))
    ellipse(0, 0.45, 0.24, 0.06 + 0.12 * opened, LIPS)
    ellipse(0, 0.45, 0.18, 0.01 + 0.1 * opened, MOUTH)


def screen(canvas: Canvas) -> Iterator[Image]:
    """Windows open and close, one is dragged, text scrolls in another, and the cursor wanders."""
    width, height = canvas.size
    desktop = canvas.still() // 2
    text = canvas.short * 0.03
    lines = [canvas.sentence(6) for _ in range(80)]
    stops = canvas.rng.uniform([0.05, 0.05], [0.9, 0.9], (8, 2)) * canvas.size
    drag = canvas.rng.uniform(0.1, 0.3, 2) * canvas.size
    for index in range(FRAMES):
        image = desktop.copy()
        _page(image, lines, (width // 20, height // 10), (width // 2, round(height * 0.75)), text, index)
        if index % 100 > 40:
            moved = drag * min(1.0, max(0.0, (index % 100 - 60) / 25))
            corner = (round(width * 0.45 + moved[0]), round(height * 0.2 + moved[1]))
            _window(image, corner, (width // 3, height // 3), str(WORDS[index // 100]), text)
        leg, share = divmod(index / FRAMES * 7, 1)
        cursor = stops[int(leg)] + (stops[int(leg) + 1] - stops[int(leg)]) * min(1.0, 2 * share)
        _cursor(image, cursor, canvas.short / 25)
        yield image


def _window(image: Image, corner: tuple[int, int], size: tuple[int, int], title: str, text: float) -> None:
    (x, y), (width, height) = corner, size
    cv2.rectangle(image, (x, y), (x + width, y + height), (235, 235, 235), -1)
    cv2.rectangle(image, (x, y), (x + width, y + round(1.6 * text)), (150, 90, 50), -1)
    cv2.rectangle(image, (x, y), (x + width, y + height), (90, 90, 90), 1)
    write_text(image, title, (x + text, y + 1.2 * text), text)


def _page(
    image: Image, lines: list[str], corner: tuple[int, int], size: tuple[int, int], text: float, index: int
) -> None:
    """Draw a window whose text scrolls for two seconds, then rests for one."""
    _window(image, corner, size, "document", text)
    turn, rest = divmod(index, 3 * RATE)
    scrolled = (turn * 2 * RATE + min(rest, 2 * RATE)) * text * 0.15
    inside = image[corner[1] + round(2 * text) : corner[1] + size[1], corner[0] : corner[0] + size[0]]
    for number, line in enumerate(lines):
        row = 2 * text + number * 1.8 * text - scrolled
        if 0 < row < inside.shape[0]:
            cv2.putText(inside, line, (round(text), round(row)), 0, text / 22, (40, 40, 40), 1, cv2.LINE_AA)


def _cursor(image: Image, at: NDArray[np.float64], size: float) -> None:
    shape = np.array([[0, 0], [0, 1], [0.25, 0.75], [0.6, 0.75]]) * size + at
    points = np.rint(shape).astype(np.int32)
    cv2.fillPoly(image, [points], (255, 255, 255), cv2.LINE_AA)
    cv2.polylines(image, [points], True, (0, 0, 0), 1, cv2.LINE_AA)
