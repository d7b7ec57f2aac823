"""Mining of typical web video, 640×480 at 1.2 Mb/s, compared with decoding alone, for short and long clips.

Measures CPU time of one thread, which other load affects little. AFFINITY_BENCH_VIDEOS can name a folder with more
videos.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path

import av

from benchmarks.ingest.test_mining_memory import pictures
from benchmarks.ingest.test_mining_speed import decode, mine

ROUNDS, FPS, SIZE, RATE = 3, 25, (640, 480), 1_200_000


def repeated(path: Path, frames: int) -> Iterator[av.VideoFrame]:
    """Yield frames of the video, and start again at its end, with a hard cut."""
    for _ in cycle((path,)):
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                yield frame.reformat(*SIZE, format="yuv420p")
                if (frames := frames - 1) == 0:
                    return


def encode(path: Path, frames: Iterator[av.VideoFrame]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        (stream.width, stream.height), stream.pix_fmt, stream.bit_rate = SIZE, "yuv420p", RATE
        for n, frame in enumerate(frames):
            frame.pts, frame.time_base = n, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def seconds_per_frame(work: Callable[[Path], float], path: Path) -> float:
    """Return the CPU seconds a frame."""
    began = time.process_time()
    frames = work(path)
    return (time.process_time() - began) / frames


def test_web_video_compared_with_decoding_alone(bikes: Path, tmp_path: Path) -> None:
    sources = [bikes, bikes.with_name("bigbuckbunny.mp4")]
    if folder := os.environ.get("AFFINITY_BENCH_VIDEOS"):
        sources += sorted(Path(folder).iterdir())
    for seconds in (20, 120):
        for source in sources:
            clip = encode(tmp_path / f"{source.stem}-{seconds}.mp4", repeated(source, seconds * FPS))
            measure(f"{source.name}, {seconds} s", clip)
            clip.unlink()
        generated = islice(pictures(*SIZE, seconds * FPS, FPS), seconds * FPS)
        measure(f"generated, {seconds} s", encode(tmp_path / "generated.mp4", generated))


def measure(name: str, clip: Path) -> None:
    rounds = [(seconds_per_frame(decode, clip), seconds_per_frame(mine, clip)) for _ in range(ROUNDS)]
    ratios = [alone / mined for alone, mined in rounds]
    print(
        f"\n{name}: decoding {1 / statistics.median(alone for alone, _ in rounds):,.0f} frames/s, "
        f"mining {1 / statistics.median(mined for _, mined in rounds):,.0f}, "
        f"ratio {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
    )
