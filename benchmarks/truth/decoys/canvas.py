"""What all decoys draw with: a random generator, a frame size, photographs, and footage of a moving camera."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.truth.drawing import Size, enlarge, shift, smooth_walk, warp
from benchmarks.truth.photos import PHOTOS, Image, Split, photo

FRAMES, RATE = 200, 25
WORDS: tuple[str, ...] = (
    *("the", "of", "and", "to", "camera", "light", "sound", "editor", "music", "director", "producer", "assistant"),
    *("story", "second", "unit", "river", "house", "street", "north", "garden", "open", "close", "window", "letter"),
    *("paper", "never", "always", "morning", "evening", "water", "stone", "little", "great", "people", "city"),
)


@dataclass(frozen=True)
class Canvas:
    """The size of a clip, its random numbers, and the photographs that it may use."""

    size: Size
    rng: np.random.Generator
    split: Split

    @property
    def short(self) -> int:
        return min(self.size)

    def photo(self) -> Image:
        """Return a photograph, a little larger than the frame."""
        return enlarge(photo(str(self.rng.choice(PHOTOS[self.split]))), self.size, self.rng)

    def still(self) -> Image:
        """Return the middle of a photograph, as large as the frame."""
        return self.view(self.photo(), 0, 0)

    def view(self, image: Image, right: float, down: float, zoom: float = 1.0) -> Image:
        """Return what a camera sees that has moved from the middle of an image."""
        height, width = image.shape[:2]
        middle = shift(self.size[0] / 2 - right, self.size[1] / 2 - down)
        return warp(image, middle @ np.diag([zoom, zoom, 1.0]) @ shift(-width / 2, -height / 2), self.size)

    def footage(self) -> Iterator[Image]:
        """Yield the frames of a camera that pans over a photograph, held by hand."""
        image = self.photo()
        direction, speed = self.rng.uniform(0, 2 * np.pi), self.rng.uniform(0.5, 3)
        shake = [smooth_walk(FRAMES, 1.0, self.rng) for _ in range(2)]
        for index in range(FRAMES):
            way = speed * (index - FRAMES / 2)
            yield self.view(image, np.cos(direction) * way + shake[0][index], np.sin(direction) * way + shake[1][index])

    def sentence(self, words: int) -> str:
        return " ".join(self.rng.choice(WORDS, words)).capitalize()


Decoy: TypeAlias = Callable[[Canvas], Iterator[Image]]


def write_text(
    image: Image, text: str, corner: tuple[float, float], height: float, color: tuple[int, int, int] = (255, 255, 255)
) -> None:
    """Write a line with a dark edge; `corner` is its lower left one, in pixels."""
    scale, thick = height / 22, max(1, round(height / 12))
    at = (round(corner[0]), round(corner[1]))
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_DUPLEX, scale, (0, 0, 0), thick + 2, cv2.LINE_AA)
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_DUPLEX, scale, color, thick, cv2.LINE_AA)


def text_width(text: str, height: float) -> float:
    """Return the width of a line in pixels."""
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, height / 22, max(1, round(height / 12)))
    return float(width)


def blobs(size: Size, grain: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return smooth random values with mean 0 and deviation 1, H×W; `grain` is their width in pixels."""
    small = rng.normal(size=(round(size[1] / grain) + 3, round(size[0] / grain) + 3)).astype(np.float32)
    smooth = cv2.resize(small, size, interpolation=cv2.INTER_CUBIC)
    return np.asarray((smooth - smooth.mean()) / smooth.std(), np.float32)
