"""The clips without a thing, by kind, and the false tracks in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.truth.decoys.canvas import FRAMES, Canvas, Decoy
from benchmarks.truth.decoys.indoors import screen, talking_head
from benchmarks.truth.decoys.light import flicker, photo_zoom, reflections, shadows
from benchmarks.truth.decoys.nature import grass, leaves, water
from benchmarks.truth.decoys.text import credits, overlay, subtitles
from benchmarks.truth.drawing import NOISE_MARGIN, Size, add_noise, noise
from benchmarks.truth.photos import Split
from benchmarks.truth.several.score import Miner
from ingest.rejections import Rejection
from tests.unit.ingest.clip_files import write

KINDS: dict[str, Decoy] = {
    "credits": credits,
    "overlay": overlay,
    "subtitles": subtitles,
    "grass": grass,
    "leaves": leaves,
    "water": water,
    "flicker": flicker,
    "shadows": shadows,
    "reflections": reflections,
    "talking head": talking_head,
    "screen": screen,
    "photo zoom": photo_zoom,
}
SIZES: tuple[Size, ...] = ((640, 480), (1280, 720), (480, 360))
FIRST_SEEDS = {"tuning": 4_000_000, "test": 5_000_000}


def write_decoy(path: Path, kind: str, split: Split, number: int) -> Path:
    """Write clip `number` of a kind as H.264, 25 frames a second, with the noise of a sensor."""
    rng = np.random.default_rng((FIRST_SEEDS[split] + number, list(KINDS).index(kind)))
    size = SIZES[number % len(SIZES)]
    grain, offsets = noise(int(rng.integers(0, 5)), size, rng), rng.integers(NOISE_MARGIN, size=(FRAMES, 2))
    crf = int(rng.integers(20, 30))
    images = KINDS[kind](Canvas(size, rng, split))
    noisy = (add_noise(image, grain, offset) for image, offset in zip(images, offsets, strict=True))
    # With AVX-512, x264 does not give the same bytes in every run.
    return write(path, noisy, options={"crf": str(crf), "preset": "veryfast", "x264-params": "asm=sse4.2"})


@dataclass(frozen=True)
class DecoyScore:
    """Clips of one kind. Every track is a false one."""

    kind: str
    tracks: int
    minutes: float
    rejected: Counter[Rejection]
    """Why what moved gave no track."""

    @property
    def false_a_minute(self) -> float:
        return self.tracks / self.minutes

    def line(self) -> str:
        reasons = ", ".join(f"{reason}: {count}" for reason, count in self.rejected.most_common(4))
        return f"| {self.kind} | {self.minutes:.2f} | {self.tracks} | {self.false_a_minute:.1f} | {reasons} |"


HEAD = ["| clips without a thing | minutes | tracks | a minute | reasons |", "|---|--:|--:|--:|---|"]


def score_decoys(kind: str, paths: Sequence[Path], mine: Miner) -> DecoyScore:
    """Mine clips that show no thing."""
    mined = [mine(path) for path in paths]
    reasons: Counter[Rejection] = sum((each.lost + each.funnel.rejected for each in mined), Counter())
    return DecoyScore(kind, sum(len(each.tracks) for each in mined), sum(each.duration for each in mined) / 60, reasons)
