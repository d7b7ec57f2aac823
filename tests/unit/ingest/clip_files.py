"""Small generated videos: a textured disc that moves over a textured background."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

Image = NDArray[np.uint8]
RATE = 25


def texture(height: int, width: int, seed: int = 0, grain: float = 2.0) -> Image:
    """Return H×W×3 colored blobs about `grain` pixels wide."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), grain)
    spread = np.asarray(smooth / smooth.std())
    return np.asarray(np.clip(128 + 45 * spread, 0, 255), np.uint8)


def disc_over(background: Image, center: tuple[float, float], radius: int = 45, seed: int = 99) -> Image:
    """Return the background with a textured disc on it; its center may lie between pixels."""
    side = 2 * radius
    across, down = np.meshgrid(np.arange(side), np.arange(side))
    disc = np.hypot(across - radius + 0.5, down - radius + 0.5) < radius
    height, width = background.shape[:2]
    shift = np.array([[1, 0, center[0] - radius], [0, 1, center[1] - radius]], np.float32)
    alpha = np.asarray(cv2.warpAffine(disc.astype(np.float32), shift, (width, height)))[..., None]
    foreground = np.asarray(cv2.warpAffine(texture(side, side, seed, 3.0), shift, (width, height)))
    return (background * (1 - alpha) + foreground * alpha).astype(np.uint8)


def crossing(
    frames: int, width: int = 320, height: int = 240, step: tuple[float, float] = (2.0, 0.5), seed: int = 0
) -> Iterator[Image]:
    """Yield frames of a disc that crosses the frame, `step` pixels a frame; the background does not move."""
    background = texture(height, width, seed)
    for index in range(frames):
        yield disc_over(background, center(index, width, height, step))


def center(
    index: int, width: int = 320, height: int = 240, step: tuple[float, float] = (2.0, 0.5)
) -> tuple[float, float]:
    """Return the center of the disc of `crossing`."""
    return width / 4 + step[0] * index, height / 2 - 20 + step[1] * index


def write(
    path: Path,
    images: Iterable[Image],
    *,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    stamps: Sequence[int] | None = None,
    pixels: str = "yuv420p",
    aspect: Fraction | None = None,
) -> Path:
    """Encode BGR images. `stamps` are their times in 1/100 s; without them, there are RATE images a second.

    `aspect` is the width of a pixel divided by its height.
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE, options=options or {"crf": "18", "preset": "veryfast"})
        assert isinstance(stream, VideoStream)
        stream.thread_count = 1
        for index, image in enumerate(images):
            if index == 0:
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = pixels
                if aspect:
                    stream.sample_aspect_ratio = aspect
                stream.time_base = stream.codec_context.time_base = Fraction(1, 100 if stamps else RATE)
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts = stamps[index] if stamps else index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def rotate_by_metadata(path: Path) -> None:
    """Write a rotation by 90 degrees into the track header of an mp4, as telephones do."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    height = int.from_bytes(data[at + 40 : at + 44], "big")
    quarter = [0, 1 << 16, 0, -(1 << 16), 0, 0, height, 0, 1 << 30]
    data[at : at + 36] = b"".join(number.to_bytes(4, "big", signed=True) for number in quarter)
    path.write_bytes(data)


def flip_bytes(path: Path, count: int, seed: int = 0) -> Path:
    """Flip bytes in the middle of a file, where the pictures are."""
    data = bytearray(path.read_bytes())
    quarter = len(data) // 4
    for at in np.random.default_rng(seed).integers(quarter, 3 * quarter, size=count):
        data[at] ^= 0xFF
    path.write_bytes(data)
    return path


def truncate(path: Path, share: float) -> Path:
    """Keep only the first `share` of a file's bytes."""
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


def write_sound(path: Path) -> Path:
    """Write a file with sound and without pictures."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
