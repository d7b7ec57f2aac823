"""Test the jobs and statistics of the experiment, and that its page shows the recorded results."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pytest

from experiments.jobs import Job, Jobs, Result
from experiments.measure import distances
from experiments.plan import GRAPHS, ROWS, TRUE, Scale
from experiments.report.statistics import Measured, estimate
from experiments.report.tables import graphs_table, tables
from experiments.world import WorldSettings, divide_objects
from tests.conftest import ROOT
from trainer.evaluation.labeled_folder import LabeledImages

GROUPS = np.array([0, 0, 1, 1, 2, 2])


def test_a_job_runs_after_its_dependencies_and_only_once(tmp_path: Path) -> None:
    ran: list[str] = []

    def job(name: str, *after: str) -> Job:
        def run(results: Mapping[str, Result]) -> Result:
            ran.append(name)
            return {"sum": 1 + sum(results[one]["sum"] for one in after)}

        return Job(name, run, after)

    jobs = [job("last", "left", "right"), job("left", "first"), job("right", "first"), job("first")]
    assert Jobs(tmp_path, jobs).run(2)["last"] == {"sum": 5}
    assert sorted(ran) == ["first", "last", "left", "right"] and ran[0] == "first" and ran[-1] == "last"

    assert Jobs(tmp_path, jobs).run(2)["last"] == {"sum": 5}
    assert len(ran) == 4


def test_a_failed_job_runs_again_but_its_dependencies_do_not(tmp_path: Path) -> None:
    ran: list[str] = []

    def first(_: object) -> Result:
        ran.append("first")
        return {}

    def fails(_: object) -> Result:
        raise RuntimeError("no room")

    with pytest.raises(RuntimeError, match="no room"):
        Jobs(tmp_path, [Job("first", first), Job("second", fails, ["first"])]).run(2)
    Jobs(tmp_path, [Job("first", first), Job("second", lambda _: {}, ["first"])]).run(2)

    assert ran == ["first"]


def test_an_unknown_dependency_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="absent"):
        Jobs(tmp_path, [Job("first", lambda _: {}, ["absent"])])


def test_exclusive_jobs_run_one_at_a_time(tmp_path: Path) -> None:
    running: list[str] = []
    counts: list[int] = []

    def job(name: str) -> Job:
        def run(_: object) -> Result:
            running.append(name)
            counts.append(len(running))
            time.sleep(0.02)
            running.remove(name)
            return {}

        return Job(name, run, exclusive=True)

    Jobs(tmp_path, [job(str(number)) for number in range(4)]).run(3)

    assert counts == [1, 1, 1, 1]


@dataclass(frozen=True)
class Object:
    """The attributes of an instance of the samples' generator."""

    id: str
    kind: str
    lookalike: str


def test_a_look_alike_group_is_in_one_part_only() -> None:
    pytest.importorskip("moderngl", reason="the samples' generator draws with it")
    objects = [Object(f"{kind}-{n}", kind, f"{kind}:{n // 5}") for kind in ("chair", "table") for n in range(60)]
    choose, held_out_of_choose = divide_objects(objects, WorldSettings("choose", 3))
    filmed, held_out = divide_objects(objects, WorldSettings("report", 3))

    parts = [{one.lookalike for one in part} for part in (choose, filmed, held_out)]
    assert held_out_of_choose == [] and all(parts)
    assert len(set.union(*parts)) == sum(map(len, parts)) == 24
    assert max(Counter(one.lookalike for one in [*choose, *filmed, *held_out]).values()) == 3


def test_constant_values_have_an_interval_of_zero_width() -> None:
    found = estimate(Measured(np.full((3, 6), 0.25), GROUPS))
    assert (found.mean, found.low, found.high) == pytest.approx((0.25, 0.25, 0.25))


def test_variation_of_objects_and_of_seeds_widens_the_interval() -> None:
    objects = np.array([0.0, 0.0, 0.5, 0.5, 1.0, 1.0])
    by_object = estimate(Measured(np.stack([objects] * 3), GROUPS))
    by_seed = estimate(Measured(np.array([[0.0] * 6, [0.5] * 6, [1.0] * 6]), GROUPS))
    # All three draws give the lowest value in 1 of 27 resamples. The interval ends at 1 of 40.
    assert (by_object.mean, by_object.low, by_object.high) == (0.5, 0.0, 1.0)
    assert (by_seed.mean, by_seed.low, by_seed.high) == (0.5, 0.0, 1.0)


def test_a_difference_is_taken_image_by_image_and_seed_by_seed() -> None:
    values = np.random.default_rng(0).random((3, 6))
    found = estimate(Measured(values + 0.125, GROUPS) - Measured(values, GROUPS))
    assert (found.mean, found.low, found.high) == pytest.approx((0.125, 0.125, 0.125))


def test_distances_of_views_objects_and_classes() -> None:
    # Two classes of two objects of two tracks. An end is class + object as vectors, a start is class + half the object.
    labels_N, groups_N = np.repeat([0, 1], 8), np.repeat([0, 1, 2, 3], 4)
    features_ND = np.eye(6, dtype=np.float32)[labels_N]
    features_ND[1::2] += np.eye(6, dtype=np.float32)[2 + groups_N[1::2]]
    features_ND[0::2] += np.float32(0.5) * np.eye(6, dtype=np.float32)[2 + groups_N[0::2]]

    found = distances(features_ND, LabeledImages([Path()] * 16, ["bed", "car"], labels_N, groups_N))

    lengths = np.sqrt(2) * np.sqrt(1.25)
    assert found.views == pytest.approx(1 - 1.5 / lengths, abs=1e-6)
    assert found.instances == pytest.approx(1 - 1 / lengths, abs=1e-6)
    assert found.classes == pytest.approx(1, abs=1e-6)


def test_the_page_shows_the_tables_of_the_recorded_results() -> None:
    results = json.loads((ROOT / "docs" / "experiments" / "results.json").read_text())
    page = (ROOT / "docs" / "experiments.md").read_text()
    chosen = json.loads((ROOT / "docs" / "experiments" / "choose.json").read_text())
    assert [name for name, text in tables(results).items() if text not in page] == []
    assert graphs_table(chosen) in page
    assert results["date"] in page


def test_the_recorded_results_are_of_the_current_plan() -> None:
    results = json.loads((ROOT / "docs" / "experiments" / "results.json").read_text())
    assert results["scale"] == json.loads(json.dumps(asdict(Scale())))
    assert list(results["rows"]) == [row.name for row in ROWS]
    assert list(results["graphs"]) == [*(graph.name for graph in GRAPHS), TRUE]
