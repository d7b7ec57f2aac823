"""Mining and tracking compared with known objects, by condition: prints the tables of docs/benchmarks.md."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Literal

import pytest

from benchmarks.truth.scenes import Scene
from benchmarks.truth.score import PointCounts, score_clip, score_points
from benchmarks.truth.sets import with_objects, without_objects
from benchmarks.truth.table import Total, fast, slow, table
from ingest.settings import MiningSettings

CLIPS = int(os.environ.get("AFFINITY_BENCH_CLIPS", "120"))
EMPTY = int(os.environ.get("AFFINITY_BENCH_EMPTY", "24"))
MIN_COVERED, MIN_HELD, MIN_FOUND_SLOW = 0.95, 0.9, 0.5
"""The targets of docs/benchmarks.md. Without objects, the target is less than one track a minute."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("truth")


@pytest.fixture(scope="module")
def moving(folder: Path) -> list[tuple[Scene, Path]]:
    return [(scene, scene.write(folder / f"{at}.mp4")) for at, scene in enumerate(with_objects("test", CLIPS))]


@pytest.fixture(scope="module")
def empty(folder: Path) -> list[tuple[Scene, Path]]:
    return [(scene, scene.write(folder / f"empty-{at}.mp4")) for at, scene in enumerate(without_objects("test", EMPTY))]


@pytest.mark.parametrize("motion", ["flow", "trajectories", "things"])
def test_targets_on_the_test_seeds(
    motion: Literal["flow", "trajectories", "things"], moving: list[tuple[Scene, Path]], empty: list[tuple[Scene, Path]]
) -> None:
    settings = replace(MiningSettings(), motion=motion)
    began = process_time()
    scored = [score_clip(scene, path, settings) for scene, path in moving]
    without = Total.of([score_clip(scene, path, settings) for scene, path in empty])
    spent = process_time() - began
    print(f"\nMotion by {motion}; {sum(scene.condition.frames for scene, _ in moving + empty) / spent:.0f} frames/s")
    print(*table(scored), sep="\n")
    print(
        f"found at 1.5 px a frame: {Total.of(slow(scored)).found}; covered from 3 px: {Total.of(fast(scored)).covered}"
    )
    print(f"{without.tracks} tracks in {without.minutes:.2f} minutes without an object, of {without.clips} clips")
    if motion != "trajectories":
        assert (Total.of(fast(scored)).covered or 0) >= MIN_COVERED and (Total.of(scored).held or 0) >= MIN_HELD
        assert (Total.of(slow(scored)).found or 0) >= MIN_FOUND_SLOW and without.tracks < without.minutes
    if motion != "things":
        points = sum((score_points(scene, path, settings) for scene, path in moving), PointCounts())
        precision, recall = points.correct / points.moving, points.correct / points.on_objects
        print(f"points: precision {precision:.3f}, recall {recall:.3f}")
