"""Films that are cut together from sample clips, each clip a shot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
from av.video.stream import VideoStream

RATE = 25
SIZE = (320, 240)


def cut_together(clips: Sequence[Path], film: Path, size: tuple[int, int] = SIZE) -> Path:
    """Write the frames of the clips one after the other, with hard cuts, as H.264 of one size and rate."""
    with av.open(str(film), "w") as container:
        stream = container.add_stream("libx264", RATE, options={"crf": "20", "preset": "veryfast"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for number, frame in enumerate(chain.from_iterable(map(_frames, clips))):
            scaled = frame.reformat(*size, "yuv420p")
            scaled.pts, scaled.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(scaled))
        container.mux(stream.encode())
    return film


def _frames(clip: Path) -> Iterator[av.VideoFrame]:
    with av.open(str(clip)) as container:
        yield from container.decode(video=0)
