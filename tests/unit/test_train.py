"""The loop, on a service without a graph. Images of 32 pixels and a narrow head keep a step at milliseconds."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from api.client import ServiceError
from api.wire import TripletBatch
from tests.unit.toy_service import ToyService
from trainer import checkpoint
from trainer.errors import LossNotFinite, SettingsDiffer
from trainer.metrics import Summary, read_metrics
from trainer.progress import Progress
from trainer.run import Run
from trainer.settings import Machine, TrainSettings
from trainer.state import TrainState
from trainer.stream import TripletSource
from trainer.train import train
from trainer.weights import load_trunk

pytestmark = pytest.mark.usefixtures("settled_torch")

SMALL: dict[str, Any] = {
    "trunk": "timm:test_resnet",
    "batch": 4,
    "image_size": 32,
    "head": "32,16",
    "lr": 0.01,
    "augment": "mirror,crop,color",
}
MACHINE = Machine(device="cpu", threads=1, loaders=2, checkpoint_every=3)


def train_run(
    folder: Path,
    steps: int,
    source: TripletSource | None = None,
    stop: threading.Event | None = None,
    machine: Machine = MACHINE,
    **given: Any,
) -> Summary | None:
    """`affinity train`, without its command line."""
    source = source or ToyService()
    with Run(folder) as run:
        settings, snapshot = run.settings(
            {**SMALL, **given, "steps": steps}, lambda asked: source.snapshot(asked.snapshot), print
        )
        run.write(settings, snapshot, machine)
        with Progress(steps) as progress:
            return train(run, settings, machine, source, progress, stop or threading.Event())


def weights(folder: Path) -> dict[str, torch.Tensor]:
    content, damaged = checkpoint.load_latest(folder)
    assert content is not None and not damaged
    return content["model"]


def equal(one: Path, other: Path) -> bool:
    mine, its = weights(one), weights(other)
    return mine.keys() == its.keys() and all(torch.equal(mine[name], its[name]) for name in mine)


class StopsAfter(ToyService):
    """Sets `stop` when it is asked for a position, and then hangs until the test is over."""

    def __init__(self, position: int) -> None:
        super().__init__()
        self.stop, self.over, self.position = threading.Event(), threading.Event(), position

    def triplets(self, *args: Any, **query: Any) -> TripletBatch:
        if query["position"] >= self.position:
            self.stop.set()
            self.over.wait(60)
        return super().triplets(*args, **query)


def test_a_run_that_was_interrupted_ends_like_one_that_was_not(tmp_path: Path) -> None:
    train_run(tmp_path / "whole", 10)
    service = StopsAfter(20)
    train_run(tmp_path / "parts", 10, service, service.stop)
    done = len(read_metrics(tmp_path / "parts" / "metrics.jsonl"))
    service.over.set()

    train_run(tmp_path / "parts", 10)

    assert 0 < done < 10
    assert equal(tmp_path / "whole", tmp_path / "parts")


def test_a_run_that_lost_its_last_steps_does_them_again(tmp_path: Path) -> None:
    train_run(tmp_path / "whole", 8)
    train_run(tmp_path / "lost", 8)
    (tmp_path / "lost" / "step-000000008.pt").unlink()  # as if it had been killed after the checkpoint of step 6

    service = ToyService()
    train_run(tmp_path / "lost", 8, service)

    assert service.positions == [24, 28]
    assert equal(tmp_path / "whole", tmp_path / "lost")
    mine, its = (read_metrics(tmp_path / name / "metrics.jsonl") for name in ("whole", "lost"))
    assert [(line.step, line.position, line.loss) for line in mine] == [
        (line.step, line.position, line.loss) for line in its
    ]


def test_a_run_that_grows_ends_like_one_that_was_as_long_from_the_start(tmp_path: Path) -> None:
    train_run(tmp_path / "whole", 6)
    train_run(tmp_path / "grown", 4)
    train_run(tmp_path / "grown", 6)

    assert equal(tmp_path / "whole", tmp_path / "grown")


@pytest.mark.parametrize(
    "ranked",
    [
        {"sides": "both", "mining": "half", "num_negatives": 4, "queue": 24},
        {"mining": "random", "num_negatives": 2},
        {"loss": "infonce", "sides": "both", "queue": 24},
        {"loss": "supcon", "queue": 24, "objective": "tracking"},
        {"loss": "infonce", "queue": 24, "objective": "multitask"},
        {"optimizer": "adamw", "schedule": "cosine", "warmup": 2, "clip": 1.0, "accumulate": 2},
    ],
    ids=lambda given: given.get("loss") or given.get("mining") or given["optimizer"],
)
def test_every_loss_and_option_resumes_exactly_the_queue_included(tmp_path: Path, ranked: dict[str, Any]) -> None:
    train_run(tmp_path / "whole", 7, **ranked)
    train_run(tmp_path / "lost", 7, **ranked)
    (tmp_path / "lost" / "step-000000007.pt").unlink()

    train_run(tmp_path / "lost", 7, **ranked)

    assert equal(tmp_path / "whole", tmp_path / "lost")
    assert [line.loss for line in read_metrics(tmp_path / "whole" / "metrics.jsonl")] == [
        line.loss for line in read_metrics(tmp_path / "lost" / "metrics.jsonl")
    ]


@pytest.mark.parametrize("objective", ["transitive", "multitask"])
def test_the_queue_is_part_of_the_checkpoint(tmp_path: Path, objective: str) -> None:
    train_run(tmp_path / "run", 2, loss="infonce", queue=30, objective=objective)
    content = weights(tmp_path / "run")
    assert content["queue.filled_Q"].sum() == 24  # 2 steps of 4 anchors, positives and negatives
    assert len(set(content["queue.groups_Q"].tolist())) > 2


def test_the_number_of_loaders_changes_nothing(tmp_path: Path) -> None:
    train_run(tmp_path / "two", 4)
    train_run(tmp_path / "five", 4, machine=Machine(device="cpu", threads=1, loaders=5))

    assert equal(tmp_path / "two", tmp_path / "five")


def test_the_loss_falls_on_pairs_that_never_came_before(tmp_path: Path) -> None:
    summary = train_run(tmp_path / "run", 40, batch=8, augment="none", head="64,32")

    assert summary is not None and summary.fresh
    assert summary.loss_last < summary.loss_first
    assert summary.measures_last["ap_dist"] < summary.measures_last["an_dist"]


def test_the_order_is_read_once_without_a_gap(tmp_path: Path) -> None:
    service = ToyService()
    train_run(tmp_path / "run", 5, service)

    assert sorted(service.positions) == [0, 4, 8, 12, 16]


def test_a_finished_run_is_only_summed_up(tmp_path: Path) -> None:
    first = train_run(tmp_path / "run", 3)
    service = ToyService()

    assert train_run(tmp_path / "run", 3, service) == first
    assert service.positions == []


def test_the_trunk_of_the_last_step_is_left_for_others(tmp_path: Path) -> None:
    train_run(tmp_path / "run", 3)

    trunk, card = load_trunk(tmp_path / "run" / "trunk.safetensors")

    last = weights(tmp_path / "run")
    assert all(torch.equal(tensor, last[f"trunk.{name}"]) for name, tensor in trunk.state_dict().items())
    assert card["steps"] == 3 and card["settings"]["snapshot"] == "toy"


def test_a_loss_that_is_no_number_stops_the_run_before_it_spoils_the_weights(tmp_path: Path) -> None:
    with pytest.raises(LossNotFinite) as caught:
        train_run(tmp_path / "run", 40, lr=1e20)

    assert math.isfinite(read_metrics(tmp_path / "run" / "metrics.jsonl")[-1].loss)
    assert caught.value.step == len(read_metrics(tmp_path / "run" / "metrics.jsonl")) + 1
    assert "lower --lr" in str(caught.value)
    assert caught.value.checkpoint == 0 and "no checkpoint yet" in str(caught.value)


def test_what_gave_no_number_is_not_called_the_last_good_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(LossNotFinite) as caught:
        train_run(tmp_path / "run", 40, lr=1e10, machine=replace(MACHINE, checkpoint_every=1))

    assert caught.value.checkpoint == caught.value.step - 1 > 0
    assert f"step {caught.value.checkpoint}, holds the weights that gave it" in str(caught.value)


def test_steps_are_not_lost_when_the_service_stays_away(tmp_path: Path) -> None:
    class GoesAway(ToyService):
        def triplets(self, *args: Any, **query: Any) -> TripletBatch:
            if query["position"] >= 8:
                raise ConnectionError("gone")
            return super().triplets(*args, **query)

    with pytest.raises(ConnectionError, match="gone"):
        train_run(tmp_path / "run", 9, GoesAway())
    train_run(tmp_path / "run", 9)
    train_run(tmp_path / "whole", 9)

    assert equal(tmp_path / "run", tmp_path / "whole")


class Ends(ToyService):
    """Its snapshot has ended for who asks for a position; the successor is named at the second time of asking."""

    def __init__(self, position: int) -> None:
        super().__init__()
        self.position = position

    def snapshot(self, id: str = "latest") -> Mapping[str, Any]:
        if id == "toy":
            raise ServiceError("", 410, {"title": "Snapshot gone", "successor": "next"})
        return super().snapshot(id)

    def triplets(self, snapshot: str, **query: Any) -> TripletBatch:
        if snapshot == "toy" and query["position"] >= self.position:
            raise ServiceError("", 410, {"title": "Snapshot gone", "successor": None})
        return super().triplets(snapshot, **query)


FOLLOWING = replace(MACHINE, follow=True)


def test_a_run_follows_a_snapshot_that_ended_to_its_successor_and_records_it(tmp_path: Path) -> None:
    train_run(tmp_path / "run", 9, Ends(16), machine=FOLLOWING)
    lines = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert [line.snapshot for line in lines] == 4 * ["toy"] + 5 * ["next"]
    assert [line.position for line in lines] == [4, 8, 12, 16, 4, 8, 12, 16, 20]
    content, _ = checkpoint.load_latest(tmp_path / "run")
    assert content is not None and content["spans"] == [(0, "toy"), (4, "next")]


def test_a_run_that_followed_and_was_resumed_ends_like_one_that_was_not_interrupted(tmp_path: Path) -> None:
    train_run(tmp_path / "whole", 9, Ends(16), machine=FOLLOWING)
    # The snapshot is asked for when a run begins: it was there then.
    train_run(tmp_path / "resumed", 3, machine=FOLLOWING)
    for steps in (4, 6, 9):
        train_run(tmp_path / "resumed", steps, Ends(16), machine=FOLLOWING)
    assert equal(tmp_path / "whole", tmp_path / "resumed")


def test_a_step_of_several_batches_is_of_one_snapshot(tmp_path: Path) -> None:
    train_run(tmp_path / "run", 4, Ends(12), machine=FOLLOWING, accumulate=2)
    lines = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert [(line.snapshot, line.position) for line in lines] == [("toy", 8), ("next", 8), ("next", 16), ("next", 24)]


def test_a_run_that_does_not_follow_stops_with_what_the_service_says(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="Snapshot gone"):
        train_run(tmp_path / "run", 9, Ends(16))
    assert checkpoint.list_checkpoints(tmp_path / "run")


def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path) -> None:
    train_run(tmp_path / "run", 3)
    settings = TrainSettings(**{**SMALL, "snapshot": "toy", "steps": 3, "lr": 0.5})

    with pytest.raises(SettingsDiffer, match="lr"):
        TrainState.begin(settings, torch.device("cpu")).resume(tmp_path / "run", print)


def test_biases_and_normalization_do_not_decay() -> None:
    state = TrainState.begin(TrainSettings(image_size=32, head="8,4"), torch.device("cpu"))
    decayed, spared = state.optimizer.param_groups

    assert (decayed["weight_decay"], spared["weight_decay"]) == (5e-4, 0)
    assert {parameter.ndim for parameter in decayed["params"]} == {2, 4}
    assert {parameter.ndim for parameter in spared["params"]} == {1}
