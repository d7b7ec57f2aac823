"""The memory of mining is bounded for any video: 4K, and two hours, both generated."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.unit.ingest.clip_files import texture

MIB = 2**20
MAX_MIB = 1024
"""Memory that a mining process may take, OpenCV and FFmpeg included."""
MINE = """
import re, sys, time
from pathlib import Path
from ingest.miner import mine_video
from ingest.settings import MiningSettings
began = time.process_time()
mined = mine_video(Path(sys.argv[1]), MiningSettings())
peak = int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024
print(mined.frames, len(mined.tracks), time.process_time() - began, peak)
"""


def pictures(width: int, height: int, frames: int, fps: int) -> Iterator[av.VideoFrame]:
    """Yield frames of a textured square that moves over a textured background and back, every six seconds."""
    side = height // 4
    background, square = texture(height, width), texture(side, side, seed=1)
    y = (height - side) // 2
    for n in range(frames):
        image = background.copy()
        x = round((width - side) * abs(1 - 2 * (n / (6 * fps) % 1)))
        image[y : y + side, x : x + side] = square
        frame = av.VideoFrame.from_ndarray(image, format="bgr24")
        frame.pts, frame.time_base = n, Fraction(1, fps)
        yield frame


def encode(path: Path, width: int, height: int, seconds: int, fps: int) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "32"}
        for frame in pictures(width, height, seconds * fps, fps):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "width", "height", "seconds", "fps"),
    [("4K", 3840, 2160, 8, 25), ("two hours", 320, 180, 7200, 10), ("1080p", 1920, 1080, 8, 25)],
)
def test_memory_of_mining_is_bounded(
    tmp_path: Path, name: str, width: int, height: int, seconds: int, fps: int
) -> None:
    cv2.setNumThreads(1)
    path = encode(tmp_path / "clip.mp4", width, height, seconds, fps)
    done = subprocess.run([sys.executable, "-c", MINE, str(path)], capture_output=True, text=True, check=True)
    frames, tracks, took, peak = map(float, done.stdout.split())
    print(
        f"\n{name}: {width}×{height}, {frames:,.0f} frames, {path.stat().st_size / MIB:.0f} MiB: "
        f"{peak:,.0f} MiB peak, {frames / took:,.0f} frames/s, {tracks:.0f} tracks"
    )
    assert np.isclose(frames, seconds * fps) and tracks > 0
    assert peak < MAX_MIB
