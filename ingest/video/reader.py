"""Decode a video frame by frame, in bounded memory."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
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
from ingest.model import Segment
from ingest.video.discovery import error_reason, require_readable
from ingest.video.segments import SHORTEST, find_segments

_ROTATIONS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}
"""OpenCV's codes by the rotation that a file asks for, in degrees counterclockwise."""
_DEFAULT_RATE = 25.0
"""Frames a second of a file that states no rate."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded frame: `index` counts the intact frames from 0, `time` is in seconds since the first of them."""

    index: int
    time: float
    picture: av.VideoFrame = field(repr=False)
    video: VideoReader = field(repr=False)

    @property
    def image(self) -> NDArray[np.uint8]:
        """The upright frame, H×W×3 BGR."""
        return self.scaled(self.video.width, self.video.height)

    def scaled(self, width: int, height: int, pixel_format: str = "bgr24") -> NDArray[np.uint8]:
        """Return the upright frame at another size, H×W×3, or H×W where `pixel_format` is `gray`."""
        return self.video.convert(self.picture, width, height, pixel_format)


class Clock:
    """Computes the time of each frame, in seconds since the first, from time stamps.

    After a stamp that is missing or does not rise, stamps are ignored and frames are `period` seconds apart. (In some
    files, stamps follow the order of decoding while the pictures are in order of display.)
    """

    def __init__(self, base: float, period: float) -> None:
        self.reliable = True
        """Whether every stamp so far was used."""
        self._base = base
        self._period = period
        self._first: int | None = None
        self._last: float | None = None

    def tick(self, pts: int | None) -> float:
        """Return the time of the next frame, whose stamp is `pts`."""
        if self._last is None:
            self._first = pts
            self._last = 0.0
            self.reliable = pts is not None
            return 0.0
        stamped = None if pts is None or self._first is None else (pts - self._first) * self._base
        self.reliable = self.reliable and stamped is not None and stamped > self._last
        self._last = stamped if self.reliable and stamped is not None else self._last + self._period
        return self._last


@dataclass(frozen=True, slots=True)
class _KeyFrame:
    """A frame at which decoding can start."""

    index: int
    pts: int


class VideoReader:
    """Decodes a video file, several times if needed. Raises UnreadableVideo; already here if nothing can be decoded.

    `width` and `height` are those of the first frame, upright and with square pixels. Frames of other sizes are scaled
    to them.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        self.path = path
        self.corrupt = 0
        """Damaged frames of the latest pass; they are left out."""
        self._threads = threads
        self._scalers: dict[tuple[int, int, str], VideoReformatter] = {}
        self._times = array("d")
        self._key_frames: list[_KeyFrame] = []
        require_readable(path)
        with self._open() as container:
            stream = container.streams.video[0]
            rate = stream.average_rate or stream.guessed_rate
            pixel_aspect = stream.sample_aspect_ratio
            picture = next(self._decode(container), None)
        if picture is None:
            raise UnreadableVideo(path, "no picture in it can be decoded")
        self.picture_bytes = sum(plane.buffer_size for plane in picture.planes)
        """Memory that a decoded picture takes."""
        self.rate = float(rate) if rate else _DEFAULT_RATE
        self.width, self.height = _upright(picture, _square_pixel_width(picture.width, pixel_aspect), picture.height)

    def frames(self) -> Iterator[Frame]:
        """Yield all intact frames, in order."""
        self._times = array("d")
        self._key_frames = []
        with self._open() as container:
            clock = Clock(float(container.streams.video[0].time_base or 0), 1 / self.rate)
            for index, picture in enumerate(self._decode(container)):
                self._times.append(clock.tick(picture.pts))
                if picture.key_frame and picture.pts is not None:
                    self._key_frames.append(_KeyFrame(index, picture.pts))
                yield Frame(index, self._times[index], picture, self)
        if not clock.reliable:
            self._key_frames = []

    def frames_in(self, spans: Sequence[tuple[int, int]]) -> Iterator[Frame]:
        """Yield the frames with an index in one of `spans` (first and last index, inclusive), each once, in order.

        Seeks to the last key frame before a span. `frames` must have run to its end before.
        """
        with self._open() as container:
            pictures: Iterator[tuple[int, av.VideoFrame]] = enumerate(self._decode(container))
            position = 0
            for first, last in _merge(spans):
                before = bisect_right(self._key_frames, first, key=lambda key: key.index)
                if before and self._key_frames[before - 1].index > position:
                    pictures = self._decode_from(container, self._key_frames[before - 1])
                for index, picture in pictures:
                    position = index + 1
                    if index >= first:
                        yield Frame(index, self._times[index], picture, self)
                    if index >= last:
                        break

    def segments(self, seconds: float, track_frames: int) -> list[Segment]:
        """Cut the video into segments of about `seconds`; none where it is short, or cannot be cut.

        Only a video that lasts longer than one and a half segments, as the file says, is looked through for that.
        """
        with self._open() as container:
            stream = container.streams.video[0]
            length = (container.duration or 0) / av.time_base
            if length < (1 + SHORTEST) * seconds or not stream.time_base:
                return []
            reorders = bool(stream.codec_context.has_b_frames)
            packets = container.demux(stream)
            return find_segments(packets, float(stream.time_base), seconds, track_frames, reorders=reorders)

    def frames_of(self, segment: Segment) -> Iterator[Frame]:
        """Yield the intact frames of a segment, with the numbers and times that they have in the whole video."""
        with self._open() as container:
            base = float(container.streams.video[0].time_base or 0)
            for picture in self._pictures_from(container, segment.stamps[0]):
                assert picture.pts is not None
                at = bisect_left(segment.stamps, picture.pts)
                if at == len(segment.stamps):
                    return
                if segment.stamps[at] == picture.pts:
                    yield Frame(segment.first + at, (picture.pts - segment.origin) * base, picture, self)

    def convert(self, picture: av.VideoFrame, width: int, height: int, pixel_format: str) -> NDArray[np.uint8]:
        """Return the picture upright, in a size and a pixel format of FFmpeg (`bgr24`, `gray`)."""
        size = _upright(picture, width, height)
        scaler = self._scalers.setdefault((*size, pixel_format), VideoReformatter())
        try:
            frame = scaler.reformat(picture, *size, pixel_format, interpolation=Interpolation.AREA, threads=1)
            pixels = frame.to_ndarray()
        except (FFmpegError, ValueError) as error:
            raise UnreadableVideo(self.path, f"its {picture.format.name} pixels: {error_reason(error)}") from error
        rotation = _ROTATIONS.get(picture.rotation % 360)
        return cast(NDArray[np.uint8], pixels if rotation is None else cv2.rotate(pixels, rotation))

    @contextmanager
    def _open(self) -> Iterator[InputContainer]:
        # `file:` and the whitelist prevent that odd names, or playlists named like videos, reach the network.
        address = f"file:{self.path.absolute()}"
        try:
            container = av.open(address, options={"protocol_whitelist": "file"})
        except (OSError, FFmpegError, ValueError) as error:
            raise UnreadableVideo(self.path, error_reason(error)) from error
        with container:
            if not container.streams.video:
                raise UnreadableVideo(self.path, "it holds no video stream")
            stream = container.streams.video[0]
            stream.thread_count = self._threads
            stream.thread_type = "AUTO" if self._threads > 1 else "NONE"
            yield container

    def _decode(self, container: InputContainer) -> Iterator[av.VideoFrame]:
        self.corrupt = 0
        packets = container.demux(container.streams.video[0])
        while True:
            try:
                packet = next(packets)
            except (StopIteration, FFmpegError):
                # A truncated file ends with its last whole packet.
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

    def _pictures_from(self, container: InputContainer, stamp: int) -> Iterator[av.VideoFrame]:
        """Yield the pictures from a key frame on, in order; decode from the start where seeking does not reach it."""
        if stamp:
            container.seek(stamp, stream=container.streams.video[0])
        pictures = (picture for picture in self._decode(container) if picture.pts is not None)
        first = next(pictures, None)
        if first is None or first.pts is None or first.pts > stamp:
            with self._open() as reopened:
                yield from (picture for picture in self._decode(reopened) if picture.pts is not None)
            return
        yield from chain([first], pictures)

    def _decode_from(self, container: InputContainer, key: _KeyFrame) -> Iterator[tuple[int, av.VideoFrame]]:
        """Yield pictures with their index from `key` on, or from the start where seeking does not reach `key`."""
        container.seek(key.pts, stream=container.streams.video[0])
        pictures = self._decode(container)
        for picture in pictures:
            if picture.pts == key.pts:
                yield from enumerate(chain([picture], pictures), key.index)
                return
            if picture.pts is None or picture.pts > key.pts:
                break
        with self._open() as reopened:
            yield from enumerate(self._decode(reopened))


def _upright(picture: av.VideoFrame, width: int, height: int) -> tuple[int, int]:
    return (height, width) if picture.rotation % 180 == 90 else (width, height)


def _square_pixel_width(width: int, pixel_aspect: Fraction | None) -> int:
    """Return the width in square pixels; an implausible `pixel_aspect` (width over height) is ignored."""
    return round(width * pixel_aspect) if pixel_aspect and 1 / 4 <= pixel_aspect <= 4 else width


def _merge(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sort spans, and join those that overlap or touch."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged
