"""Kills at random moments of one training: its pairs, its weights, and the additional time.

`AFFINITY_BENCH_KILLS` sets the number of kills (20 by default), `AFFINITY_BENCH_SEED` their moments:
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
    print("Every step used the pairs of the run without kills and had the same loss; the weights are equal.")
