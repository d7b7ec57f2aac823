"""The training loop, on a service without a graph. With small images and a narrow head, a step takes milliseconds."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from api.client.errors import ServiceError
from api.wire.triplets import TripletBatch
from tests.unit.trainer.toy_service import ToyService
from trainer.data.triplets import TripletSource
from trainer.errors import LossNotFinite, RunError
from trainer.loop.state import TrainState
from trainer.loop.train import train
from trainer.models.weights import load_trunk
from trainer.runs import checkpoint
from trainer.runs.metrics import Summary, read_metrics
from trainer.runs.progress import Progress
from trainer.runs.run import Run
from trainer.settings import RuntimeSettings, TrainSettings

pytestmark = pytest.mark.usefixtures("settled_torch")

SMALL: dict[str, Any] = {
    "trunk": "timm:test_resnet",
    "batch": 4,
    "image_size": 32,
    "head": "32,16",
    "lr": 0.01,
    "augment": "mirror,crop,color",
}
RUNTIME = RuntimeSettings(device="cpu", threads=1, loader_threads=2, checkpoint_every=3)


def train_run(
    folder: Path,
    steps: int,
    source: TripletSource | None = None,
    stop: threading.Event | None = None,
    runtime: RuntimeSettings = RUNTIME,
    **given: Any,
) -> Summary | None:
    """Do what `affinity train` does, without its command line."""
    source = source or ToyService()
    with Run(folder) as run:
        settings, snapshot = run.settings(
            {**SMALL, **given, "steps": steps}, lambda wanted: source.snapshot(wanted.snapshot), print
        )
        run.write(settings, snapshot, runtime)
        with Progress(steps) as progress:
            return train(run, settings, runtime, source, progress, stop or threading.Event())


def weights(folder: Path) -> dict[str, torch.Tensor]:
    content, damaged = checkpoint.load_latest(folder)
    assert content is not None and not damaged
    return content["model"]


def equal(one: Path, other: Path) -> bool:
    mine, its = weights(one), weights(other)
    return mine.keys() == its.keys() and all(torch.equal(mine[name], its[name]) for name in mine)


class StopsAfter(ToyService):
    """Sets `stop` at the request for a position, and then hangs until the test is over."""

    def __init__(self, position: int) -> None:
        super().__init__()
        self.stop, self.over, self.position = threading.Event(), threading.Event(), position

    def triplets(self, *args: Any, **query: Any) -> TripletBatch:
        if query["position"] >= self.position:
            self.stop.set()
            self.over.wait(60)
        return super().triplets(*args, **query)


def test_an_interrupted_run_ends_with_equal_weights(tmp_path: Path) -> None:
    train_run(tmp_path / "whole", 10)
    service = StopsAfter(20)
    train_run(tmp_path / "parts", 10, service, service.stop)
    done = len(read_metrics(tmp_path / "parts" / "metrics.jsonl"))
    service.over.set()

    train_run(tmp_path / "parts", 10)

    assert 0 < done < 10
    assert equal(tmp_path / "whole", tmp_path / "parts")


def test_a_resumed_run_repeats_the_steps_after_its_checkpoint(tmp_path: Path) -> None:
    train_run(tmp_path / "whole", 8)
    train_run(tmp_path / "lost", 8)
    (tmp_path / "lost" / "step-000000008.pt").unlink()  # as after a kill between the checkpoints of steps 6 and 8

    service = ToyService()
    train_run(tmp_path / "lost", 8, service)

    assert service.positions == [24, 28]
    assert equal(tmp_path / "whole", tmp_path / "lost")
    mine, its = (read_metrics(tmp_path / name / "metrics.jsonl") for name in ("whole", "lost"))
    assert [(line.step, line.position, line.loss) for line in mine] == [
        (line.step, line.position, line.loss) for line in its
    ]


def test_a_run_that_grows_ends_with_equal_weights(tmp_path: Path) -> None:
    train_run(tmp_path / "whole", 6)
    train_run(tmp_path / "grown", 4)
    train_run(tmp_path / "grown", 6)

    assert equal(tmp_path / "whole", tmp_path / "grown")


@pytest.mark.parametrize(
    "ranked",
    [
        {"symmetric": True, "negative_mining": "half", "num_negatives": 4, "queue": 24},
        {"negative_mining": "random", "num_negatives": 2},
        {"loss": "infonce", "symmetric": True, "queue": 24},
        {"loss": "supcon", "queue": 24, "objective": "tracking"},
        {"loss": "infonce", "queue": 24, "objective": "multitask"},
        {"optimizer": "adamw", "schedule": "cosine", "warmup": 2, "max_grad_norm": 1.0, "accumulate": 2},
    ],
    ids=lambda given: given.get("loss") or given.get("negative_mining") or given["optimizer"],
)
def test_every_loss_and_option_is_resumed_exactly(tmp_path: Path, ranked: dict[str, Any]) -> None:
    train_run(tmp_path / "whole", 7, **ranked)
    train_run(tmp_path / "lost", 7, **ranked)
    (tmp_path / "lost" / "step-000000007.pt").unlink()

    train_run(tmp_path / "lost", 7, **ranked)

    assert equal(tmp_path / "whole", tmp_path / "lost")
    assert [line.loss for line in read_metrics(tmp_path / "whole" / "metrics.jsonl")] == [
        line.loss for line in read_metrics(tmp_path / "lost" / "metrics.jsonl")
    ]


@pytest.mark.parametrize("objective", ["transitive", "multitask"])
def test_checkpoints_include_the_queue(tmp_path: Path, objective: str) -> None:
    train_run(tmp_path / "run", 2, loss="infonce", queue=30, objective=objective)
    content = weights(tmp_path / "run")
    assert content["queue.filled_Q"].sum() == 24  # 2 steps of 4 anchors, positives and negatives
    assert len(set(content["queue.groups_Q"].tolist())) > 2


def test_the_number_of_loaders_does_not_change_the_weights(tmp_path: Path) -> None:
    train_run(tmp_path / "two", 4)
    train_run(tmp_path / "five", 4, runtime=RuntimeSettings(device="cpu", threads=1, loader_threads=5))

    assert equal(tmp_path / "two", tmp_path / "five")


def test_the_loss_falls_on_new_pairs(tmp_path: Path) -> None:
    summary = train_run(tmp_path / "run", 40, batch=8, augment="none", head="64,32")

    assert summary is not None and summary.fresh
    assert summary.loss_last < summary.loss_first
    assert summary.measures_last["ap_dist"] < summary.measures_last["an_dist"]


def test_a_run_reads_every_position_once(tmp_path: Path) -> None:
    service = ToyService()
    train_run(tmp_path / "run", 5, service)

    assert sorted(service.positions) == [0, 4, 8, 12, 16]


def test_a_finished_run_is_only_summarized(tmp_path: Path) -> None:
    first = train_run(tmp_path / "run", 3)
    service = ToyService()

    assert train_run(tmp_path / "run", 3, service) == first
    assert service.positions == []


def test_the_trunk_of_the_last_step_is_saved(tmp_path: Path) -> None:
    train_run(tmp_path / "run", 3)

    trunk, card = load_trunk(tmp_path / "run" / "trunk.safetensors")

    last = weights(tmp_path / "run")
    assert all(torch.equal(tensor, last[f"trunk.{name}"]) for name, tensor in trunk.state_dict().items())
    assert card["steps"] == 3 and card["settings"]["snapshot"] == "toy"


def test_a_loss_that_is_not_finite_stops_the_run_before_the_weights_change(tmp_path: Path) -> None:
    with pytest.raises(LossNotFinite) as caught:
        train_run(tmp_path / "run", 40, lr=1e20)

    assert math.isfinite(read_metrics(tmp_path / "run" / "metrics.jsonl")[-1].loss)
    assert caught.value.step == len(read_metrics(tmp_path / "run" / "metrics.jsonl")) + 1
    assert "lower --lr" in str(caught.value)
    assert caught.value.checkpoint == 0 and "no checkpoint yet" in str(caught.value)


def test_the_checkpoint_that_gave_the_loss_is_not_called_good(tmp_path: Path) -> None:
    with pytest.raises(LossNotFinite) as caught:
        train_run(tmp_path / "run", 40, lr=1e10, runtime=replace(RUNTIME, checkpoint_every=1))

    assert caught.value.checkpoint == caught.value.step - 1 > 0
    assert f"step {caught.value.checkpoint}, holds the weights that gave it" in str(caught.value)


def test_steps_are_saved_when_the_service_fails(tmp_path: Path) -> None:
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
    """A service whose snapshot ends at a position. It names the successor at the second request."""

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


FOLLOWING = replace(RUNTIME, follow=True)


def test_a_run_follows_an_ended_snapshot_to_its_successor(tmp_path: Path) -> None:
    train_run(tmp_path / "run", 9, Ends(16), runtime=FOLLOWING)
    lines = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert [line.snapshot for line in lines] == 4 * ["toy"] + 5 * ["next"]
    assert [line.position for line in lines] == [4, 8, 12, 16, 4, 8, 12, 16, 20]
    content, _ = checkpoint.load_latest(tmp_path / "run")
    assert content is not None and content["spans"] == [(0, "toy"), (4, "next")]


def test_a_run_that_followed_and_was_resumed_ends_with_equal_weights(tmp_path: Path) -> None:
    train_run(tmp_path / "whole", 9, Ends(16), runtime=FOLLOWING)
    # A run requests its snapshot when it begins: at that time it had not ended.
    train_run(tmp_path / "resumed", 3, runtime=FOLLOWING)
    for steps in (4, 6, 9):
        train_run(tmp_path / "resumed", steps, Ends(16), runtime=FOLLOWING)
    assert equal(tmp_path / "whole", tmp_path / "resumed")


def test_all_batches_of_a_step_are_of_one_snapshot(tmp_path: Path) -> None:
    train_run(tmp_path / "run", 4, Ends(12), runtime=FOLLOWING, accumulate=2)
    lines = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert [(line.snapshot, line.position) for line in lines] == [("toy", 8), ("next", 8), ("next", 16), ("next", 24)]


def test_a_run_that_does_not_follow_stops_with_the_error_of_the_service(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="Snapshot gone"):
        train_run(tmp_path / "run", 9, Ends(16))
    assert checkpoint.list_checkpoints(tmp_path / "run")


def test_a_checkpoint_of_other_settings_is_an_error(tmp_path: Path) -> None:
    train_run(tmp_path / "run", 3)
    settings = TrainSettings(**{**SMALL, "snapshot": "toy", "steps": 3, "lr": 0.5})

    with pytest.raises(RunError, match="lr"):
        TrainState.begin(settings, torch.device("cpu")).resume(tmp_path / "run", print)


def test_biases_and_normalization_do_not_decay() -> None:
    state = TrainState.begin(TrainSettings(image_size=32, head="8,4"), torch.device("cpu"))
    decayed, spared = state.optimizer.param_groups

    assert (decayed["weight_decay"], spared["weight_decay"]) == (5e-4, 0)
    assert {parameter.ndim for parameter in decayed["params"]} == {2, 4}
    assert {parameter.ndim for parameter in spared["params"]} == {1}
