"""What mining finds in real and in generated footage, and its cost, in one table: by flow, and by things.

Whether a track of a real video shows one thing is judged by eye: docs/real-video.md. Uses `AFFINITY_BENCH_CLIPS` clips
with objects (default 120), `AFFINITY_BENCH_EMPTY` without (24), `AFFINITY_BENCH_GROUPS` with several things (40) and
`AFFINITY_BENCH_DECOYS` of each kind with no thing (3). All are of the test seeds.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from benchmarks.footage import footage
from benchmarks.ingest.test_mining_speed import decode
from benchmarks.ingest.test_mining_web import FPS, ROUNDS, encode, repeated, seconds_per_frame
from benchmarks.truth.decoys.kinds import KINDS
from benchmarks.truth.report import report_decoys, report_groups
from benchmarks.truth.score import ClipScore, score_clip
from benchmarks.truth.sets import with_objects, without_objects
from benchmarks.truth.several.score import Miner
from benchmarks.truth.several.table import GroupTotal
from benchmarks.truth.table import Total, fast, slow
from ingest.miner import mine_video
from ingest.settings import MiningSettings

CLIPS = int(os.environ.get("AFFINITY_BENCH_CLIPS") or 120)
EMPTY = int(os.environ.get("AFFINITY_BENCH_EMPTY") or 24)
GROUPS = int(os.environ.get("AFFINITY_BENCH_GROUPS") or 40)
DECOYS = int(os.environ.get("AFFINITY_BENCH_DECOYS") or 3)
T = TypeVar("T")
SETTINGS = {
    "flow": replace(MiningSettings(), motion="flow"),
    "things": replace(MiningSettings(), motion="things"),
}
TRACKS = {"vtest": 60, "trailer_bbb": 12, "box": 8, "cup": 4}
"""The smallest number of tracks of a real video."""
MIN_RATIO = 0.35
"""Time of decoding alone, as a share of mining with decoding."""


@dataclass(frozen=True)
class Bar:
    """A bar, and what each way to find tracks reaches; None where nothing can be measured."""

    name: str
    limit: str
    values: Mapping[str, float | None]
    missed: bool

    def line(self) -> str:
        texts = ("-" if value is None else f"{value:.3f}".removesuffix(".000") for value in self.values.values())
        return f"| {self.name} | {self.limit} | {' | '.join(texts)} | {'**missed**' if self.missed else 'met'} |"


def at_least(name: str, limit: float, values: Mapping[str, float | None]) -> Bar:
    reached = values["things"]
    return Bar(name, f"≥ {limit:g}", values, reached is None or reached < limit)


def at_most(name: str, limit: float, values: Mapping[str, float | None]) -> Bar:
    reached = values["things"]
    return Bar(name, f"≤ {limit:g}", values, reached is None or reached > limit)


def test_things_reach_the_bars(tmp_path: Path, bikes: Path) -> None:
    found = footage()
    bars = [*real(found), *one_object(tmp_path), *several_things(tmp_path), *nothing(tmp_path, found)]
    bars += speed(found | {"bikes": bikes}, tmp_path)
    print(f"\n| bar | limit | {' | '.join(SETTINGS)} | |", "|---|---|" + "--:|" * len(SETTINGS) + "---|", sep="\n")
    print(*(bar.line() for bar in bars), sep="\n")
    assert [bar.name for bar in bars if bar.missed] == []


def real(found: Mapping[str, Path]) -> Iterator[Bar]:
    for name, limit in TRACKS.items():
        if name in found:
            mined = {motion: mine_video(found[name], settings) for motion, settings in SETTINGS.items()}
            yield at_least(f"tracks of {name}", limit, {way: float(len(one.tracks)) for way, one in mined.items()})


def one_object(folder: Path) -> Iterator[Bar]:
    """Clips with one or two objects of the paper's size, and clips without one."""
    moving = [(scene, scene.write(folder / f"one-{at}.mp4")) for at, scene in enumerate(with_objects("test", CLIPS))]
    empty = [(scene, scene.write(folder / f"no-{at}.mp4")) for at, scene in enumerate(without_objects("test", EMPTY))]
    scored: dict[str, list[ClipScore]] = {}
    without: dict[str, Total] = {}
    for motion, settings in SETTINGS.items():
        scored[motion] = [score_clip(scene, path, settings) for scene, path in moving]
        without[motion] = Total.of([score_clip(scene, path, settings) for scene, path in empty])
    yield at_least(
        "one object: covered from 3 pixels a frame on", 0.95, _each(scored, lambda s: Total.of(fast(s)).covered)
    )
    yield at_least("one object: held", 0.95, _each(scored, lambda clips: Total.of(clips).held))
    yield at_least("one object: slow ones found", 0.5, _each(scored, lambda clips: Total.of(slow(clips)).found))
    yield at_most("no object: tracks a minute", 1, _each(without, lambda total: total.tracks / total.minutes))


def several_things(folder: Path) -> Iterator[Bar]:
    totals: dict[str, GroupTotal] = {}
    for motion, mine in miners().items():
        print(f"\nMotion by {motion}")
        totals[motion] = report_groups("test", GROUPS, mine, folder)
    yield at_least("several things: found at least once", 0.85, _each(totals, lambda total: total.found))
    yield at_least("several things: in the middle of the box", 0.9, _each(totals, lambda total: total.centered))
    yield at_most("several things: two in one box", 0.1, _each(totals, lambda total: total.crowded))
    yield at_most("several things: one twice within a second", 0.02, _each(totals, lambda total: total.repeated))


def nothing(folder: Path, found: Mapping[str, Path]) -> Iterator[Bar]:
    """Clips of each kind with no thing, and tree.avi, in which a tree waves."""
    rates: dict[str, float] = {}
    for motion, mine in miners().items():
        print(f"\nMotion by {motion}")
        scored = report_decoys("test", DECOYS, mine, folder, list(KINDS))
        tree = [mine(found["tree"])] if "tree" in found else []
        tracks = sum(each.tracks for each in scored) + sum(len(each.tracks) for each in tree)
        rates[motion] = tracks / (sum(each.minutes for each in scored) + sum(each.duration / 60 for each in tree))
    yield at_most("no thing: tracks a minute", 1, rates)


def speed(found: Mapping[str, Path], folder: Path) -> Iterator[Bar]:
    """Compare the CPU time of decoding alone with that of mining, in the same round."""
    web = encode(folder / "web.mp4", repeated(found["bikes"], 20 * FPS))
    videos = {"bikes at 640×480": web, "box, 640×480": found.get("box"), "trailer_bbb, 720p": found.get("trailer_bbb")}
    for name, path in videos.items():
        if path is None:
            continue
        ratios: dict[str, list[float]] = {motion: [] for motion in SETTINGS}
        for _ in range(ROUNDS):
            for motion, mine in miners().items():
                work = partial(_frames, mine)
                ratios[motion].append(seconds_per_frame(decode, path) / seconds_per_frame(work, path))
        yield at_least(f"decoding over mining: {name}", MIN_RATIO, _each(ratios, statistics.median))


def miners() -> dict[str, Miner]:
    return {motion: partial(mine_video, settings=settings) for motion, settings in SETTINGS.items()}


def _frames(mine: Miner, path: Path) -> float:
    return float(mine(path).frames)


def _each(measured: Mapping[str, T], measure: Callable[[T], float | None]) -> dict[str, float | None]:
    return {motion: measure(found) for motion, found in measured.items()}
