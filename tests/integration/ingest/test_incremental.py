"""Incremental equals batch: with one cluster model, a snapshot does not depend on the history of its graph."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.integration.workshop import Killed, Workshop


@pytest.fixture
def fits(workshop: Workshop, tmp_path: Path) -> Path:
    """The cluster model of all videos, which every history uses."""
    workshop.empty()
    workshop.add(workshop.videos)
    snapshot = workshop.publish()
    assert len(workshop.edges(snapshot.id)) > 10
    return shutil.copytree(workshop.graph.folder.fits, tmp_path / "fits")


class Step(NamedTuple):
    """A step of a history: what is done to which share of the videos. `lives`: it is killed after so many writes."""

    what: str
    share: float
    seed: int
    lives: int | None


WHAT = ("add", "add", "add", "publish", "forget", "remine")
HISTORIES = st.lists(
    st.builds(
        Step,
        st.sampled_from(WHAT),
        st.floats(0.05, 0.5),
        st.integers(0, 2**32),
        st.none() | st.integers(0, 25),
    ),
    min_size=4,
    max_size=8,
)


def test_a_history_with_every_step_ends_in_the_snapshot_of_one_batch(workshop: Workshop, fits: Path) -> None:
    compare_with_one_batch(
        [
            Step("add", 0.5, 1, None),
            Step("publish", 0, 0, None),
            Step("remine", 0.2, 2, None),
            Step("add", 0.2, 3, 2),
            Step("forget", 0.2, 4, 5),
            Step("publish", 0, 0, 3),
        ],
        workshop,
        fits,
    )


@pytest.mark.slow
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=HISTORIES)
def test_every_history_gives_the_snapshot_of_one_batch(history: list[Step], workshop: Workshop, fits: Path) -> None:
    compare_with_one_batch(history, workshop, fits)


def compare_with_one_batch(history: list[Step], workshop: Workshop, fits: Path) -> None:
    workshop.empty(fits)
    held: dict[str, str] = {}
    for step in history:
        pool = sorted(held) if step.what in ("forget", "remine") else workshop.videos
        pool = [id for id in pool if step.what != "add" or id not in held]
        count = min(len(pool), 1 + int(step.share * len(workshop.videos)))
        run_step(workshop, step.what, random.Random(step.seed).sample(pool, count), held, step.lives)
    rest = [id for id in workshop.videos if id not in held]
    run_step(workshop, "add", rest[len(rest) // 3 :], held, None)
    grown = workshop.publish()
    found = grown.id, grown.counts, workshop.edges(grown.id), workshop.children(grown.id)
    assert workshop.check().found == []

    workshop.empty(fits)
    for way in ("first", "again"):
        workshop.add([id for id, mined in held.items() if mined == way], way)
    batch = workshop.publish()
    assert found == (batch.id, batch.counts, workshop.edges(batch.id), workshop.children(batch.id))


def run_step(workshop: Workshop, step: str, videos: list[str], held: dict[str, str], lives: int | None) -> None:
    """Run a step; run it again if it was interrupted."""
    if not (held if step == "publish" else videos):
        return
    for left in (lives, None) if lives is not None else (None,):
        try:
            if step == "publish":
                workshop.publish(lives=left)
            elif step == "forget":
                workshop.forget(videos, lives=left)
            else:
                workshop.add(videos, "again" if step == "remine" else "first", lives=left)
        except Killed:
            continue
        break
    if step == "forget":
        for video in videos:
            del held[video]
    elif step != "publish":
        held.update(dict.fromkeys(videos, "again" if step == "remine" else "first"))
