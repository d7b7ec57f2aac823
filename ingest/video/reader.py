"""Video files: finding them, naming them by content, and decoding them frame by frame in bounded memory."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from ingest.errors import UnreadableVideo
from ingest.video.discovery import _require_file, _words

_TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded frame: `index` counts the intact frames from 0, `time` is in seconds from the first of them."""

    index: int
    time: float
    picture: av.VideoFrame = field(repr=False)
    video: VideoReader = field(repr=False)

    @property
    def image(self) -> NDArray[np.uint8]:
        """H×W×3 BGR, upright."""
        return self.scaled(self.video.width, self.video.height)

    def scaled(self, width: int, height: int, pixels: str = "bgr24") -> NDArray[np.uint8]:
        """The upright frame at another size; `gray` pixels leave two dimensions."""
        return self.video.convert(self.picture, width, height, pixels)


class Clock:
    """Seconds since the first frame, by time stamps.

    Stamps that were missing or not rising once are not believed again: from there on the nominal rate
    counts. (Files exist whose stamps follow the order of decoding while the pictures are in order.)
    """

    def __init__(self, base: float, period: float) -> None:
        self.steady = True
        self._base = base
        self._period = period
        self._first: int | None = None
        self._last: float | None = None

    def tick(self, pts: int | None) -> float:
        """Seconds of the next frame."""
        if self._last is None:
            self._first = pts
            self._last = 0.0
            self.steady = pts is not None
            return 0.0
        stamped = None if pts is None or self._first is None else (pts - self._first) * self._base
        self.steady = self.steady and stamped is not None and stamped > self._last
        self._last = stamped if self.steady and stamped is not None else self._last + self._period
        return self._last


@dataclass(frozen=True, slots=True)
class _Key:
    """A frame that decoding can start at."""

    index: int
    pts: int


class VideoReader:
    """One video, decoded as often as asked. Raises UnreadableVideo, at once for a file without pictures.

    `width` and `height` are those of the first frame as shown: upright, and of square pixels. Frames of other sizes
    are scaled to them.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        self.path = path
        self.corrupt = 0
        """Frames of the latest pass that arrived damaged, and were left out."""
        self._threads = threads
        self._scalers: dict[tuple[int, int, str], VideoReformatter] = {}
        self._times = array("d")
        self._keys: list[_Key] = []
        _require_file(path)
        with self._open() as container:
            stream = container.streams.video[0]
            rate = stream.average_rate or stream.guessed_rate
            shape = stream.sample_aspect_ratio
            picture = next(self._pictures(container), None)
        if picture is None:
            raise UnreadableVideo(path, "no picture in it can be decoded")
        self.picture_bytes = sum(plane.buffer_size for plane in picture.planes)
        """Memory of a decoded picture."""
        self.rate = float(rate) if rate else 25.0
        self.width, self.height = _upright(picture, _squared(picture.width, shape), picture.height)

    def frames(self) -> Iterator[Frame]:
        """All intact frames, in order."""
        self._times = array("d")
        self._keys = []
        with self._open() as container:
            clock = Clock(float(container.streams.video[0].time_base or 0), 1 / self.rate)
            for index, picture in enumerate(self._pictures(container)):
                self._times.append(clock.tick(picture.pts))
                if picture.key_frame and picture.pts is not None:
                    self._keys.append(_Key(index, picture.pts))
                yield Frame(index, self._times[index], picture, self)
        if not clock.steady:
            self._keys = []

    def windows(self, spans: Sequence[tuple[int, int]]) -> Iterator[Frame]:
        """The frames whose index lies in one of `spans` (first and last, both included), each once, in order.

        Skips to the last key frame before a span. `frames` must have run to its end before.
        """
        with self._open() as container:
            pictures: Iterator[tuple[int, av.VideoFrame]] = enumerate(self._pictures(container))
            position = 0
            for first, last in _union(spans):
                known = bisect_right(self._keys, first, key=lambda key: key.index)
                if known and self._keys[known - 1].index > position:
                    pictures = self._pictures_from(container, self._keys[known - 1])
                for index, picture in pictures:
                    position = index + 1
                    if index >= first:
                        yield Frame(index, self._times[index], picture, self)
                    if index >= last:
                        break

    def convert(self, picture: av.VideoFrame, width: int, height: int, pixels: str) -> NDArray[np.uint8]:
        """The picture upright, at a size and in a pixel format (`bgr24`, `gray`)."""
        size = _upright(picture, width, height)
        scaler = self._scalers.setdefault((*size, pixels), VideoReformatter())
        try:
            scaled = scaler.reformat(picture, *size, pixels, interpolation=Interpolation.AREA, threads=1).to_ndarray()
        except (FFmpegError, ValueError) as error:
            raise UnreadableVideo(self.path, f"its {picture.format.name} pixels: {_words(error)}") from error
        turn = _TURNS.get(picture.rotation % 360)
        return cast(NDArray[np.uint8], scaled if turn is None else cv2.rotate(scaled, turn))

    @contextmanager
    def _open(self) -> Iterator[InputContainer]:
        # `file:` and the whitelist keep odd names, and playlists that call themselves videos, off the network.
        address = f"file:{self.path.absolute()}"
        try:
            container = av.open(address, options={"protocol_whitelist": "file"})
        except (OSError, FFmpegError, ValueError) as error:
            raise UnreadableVideo(self.path, _words(error)) from error
        with container:
            if not container.streams.video:
                raise UnreadableVideo(self.path, "it holds no video stream")
            stream = container.streams.video[0]
            stream.thread_count = self._threads
            stream.thread_type = "AUTO" if self._threads > 1 else "NONE"
            yield container

    def _pictures(self, container: InputContainer) -> Iterator[av.VideoFrame]:
        self.corrupt = 0
        packets = container.demux(container.streams.video[0])
        while True:
            try:
                packet = next(packets)
            except (StopIteration, FFmpegError):
                # A file that is cut short ends where its packets do.
                return
            try:
                pictures = packet.decode()
            except FFmpegError:
                self.corrupt += 1
                continue
            for picture in pictures:
                if picture.is_corrupt:
                    self.corrupt += 1
                else:
                    yield picture

    def _pictures_from(self, container: InputContainer, key: _Key) -> Iterator[tuple[int, av.VideoFrame]]:
        """Numbered pictures from `key` on, or from the start where the container cannot go there."""
        container.seek(key.pts, stream=container.streams.video[0])
        pictures = self._pictures(container)
        for picture in pictures:
            if picture.pts == key.pts:
                yield from enumerate(chain([picture], pictures), key.index)
                return
            if picture.pts is None or picture.pts > key.pts:
                break
        with self._open() as again:
            yield from enumerate(self._pictures(again))


def _upright(picture: av.VideoFrame, width: int, height: int) -> tuple[int, int]:
    return (height, width) if picture.rotation % 180 == 90 else (width, height)


def _squared(width: int, shape: Fraction | None) -> int:
    """The width where pixels are square; `shape` is the width of one over its height, and believed within reason."""
    return round(width * shape) if shape and 1 / 4 <= shape <= 4 else width


def _union(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged
