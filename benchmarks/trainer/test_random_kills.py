"""Kills at random moments of one run of training: what it trained on, its weights, and how much longer it took.

`AFFINITY_BENCH_KILLS` kills (20 where it is not set) at moments that `AFFINITY_BENCH_SEED` draws:
`make bench-kills KILLS=20 SEED=1`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.killing import plan
from tests.integration.trainer.test_kills import Runs

KILLS = int(os.environ.get("AFFINITY_BENCH_KILLS") or 20)
SEED = int(os.environ.get("AFFINITY_BENCH_SEED") or 1)
STEPS = 300


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    runs = Runs(tmp_path, STEPS)
    yield runs
    runs.supervisor.close()


def test_kills_at_random_moments(runs: Runs, clips: list[Path]) -> None:
    runs.prepare(clips[:20])
    alone = runs.train("alone")
    killed = runs.train("killed", plan(SEED, KILLS, ("train", "serve", "neo4j")))
    kills = runs.supervisor.kills
    print(
        f"\n{len(kills)} kills in a run of {STEPS} steps ({dict(Counter(kills))}, seed {SEED}): "
        f"{killed:.0f} s, {alone:.0f} s without"
    )
    assert len(kills) == KILLS
    runs.assert_equal("killed", "alone")
    print("Every step trained on the pairs of the run that was left alone, to the same loss; the weights are equal.")
