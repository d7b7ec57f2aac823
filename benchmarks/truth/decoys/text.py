"""Text that moves or changes: credits, a logo with time stamp and ticker, subtitles."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.truth.decoys.canvas import FRAMES, RATE, Canvas, text_width, write_text
from benchmarks.truth.drawing import filled, outline, paste, piece
from benchmarks.truth.photos import Image, photo


def credits(canvas: Canvas) -> Iterator[Image]:
    """Names scroll up over black or over a still, dark photograph."""
    ground = canvas.still() // 4 if canvas.rng.random() < 0.5 else np.zeros((*canvas.size[::-1], 3), np.uint8)
    height = canvas.short * canvas.rng.uniform(0.035, 0.06)
    speed = canvas.short * canvas.rng.uniform(0.15, 0.4) / RATE
    lines = [canvas.sentence(int(canvas.rng.integers(1, 4))) for _ in range(60)]
    for index in range(FRAMES):
        image = ground.copy()
        for number, line in enumerate(lines):
            row = canvas.size[1] * 0.7 + number * 2 * height - speed * index
            if -height < row < canvas.size[1] + height:
                write_text(image, line, ((canvas.size[0] - text_width(line, height)) / 2, row), height)
        yield image


def overlay(canvas: Canvas) -> Iterator[Image]:
    """A logo, a running clock and a ticker stay on the screen, while the camera pans."""
    width, height = canvas.size
    side, text = canvas.short // 6, canvas.short * 0.045
    source = photo("bikes:10" if canvas.split == "tuning" else "bikes:60")
    logo, shape = piece(source, side, canvas.rng), filled(side, outline(side, side**2 / 2, canvas.rng))
    shape = np.asarray(shape * canvas.rng.uniform(0.5, 1.0), np.uint8)
    line = canvas.sentence(40)
    speed = width * canvas.rng.uniform(0.1, 0.25) / RATE
    for index, image in enumerate(canvas.footage()):
        corner = image[side // 2 : side // 2 + side, width - 3 * side // 2 : width - side // 2]
        corner[:] = paste(corner, logo, shape)
        write_text(image, f"2024-03-08 14:{index // RATE:02d}:{index % RATE:02d}", (text, 2 * text), text)
        image[height - round(2 * text) :] = image[height - round(2 * text) :] // 3
        write_text(image, line, (width * 0.6 - speed * index, height - 0.6 * text), text)
        yield image


def subtitles(canvas: Canvas) -> Iterator[Image]:
    """A new subtitle comes every one to two seconds, while the camera pans or stands."""
    still = canvas.rng.random() < 0.5
    ground = canvas.still()
    until, line = 0, ""
    height = canvas.short * 0.055
    for index, image in enumerate(canvas.footage()):
        if index >= until:
            line = canvas.sentence(int(canvas.rng.integers(3, 7)))
            until = index + int(canvas.rng.integers(RATE, 2 * RATE))
        shown = ground.copy() if still else image
        write_text(shown, line, ((canvas.size[0] - text_width(line, height)) / 2, canvas.size[1] * 0.92), height)
        yield shown
