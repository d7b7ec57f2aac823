"""Training on several ranks, each with its share of every batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.unit.trainer.ranked import OTHERS, SETTINGS, train_on_ranks, train_steps
from tests.unit.trainer.toy_service import ToyService
from trainer.distributed.ranks import RankShard
from trainer.objectives.registry import OBJECTIVES, make_objective
from trainer.runs import checkpoint
from trainer.runs.metrics import Metrics, read_metrics
from trainer.settings import ObjectiveName

pytestmark = pytest.mark.usefixtures("settled_torch")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four steps of a run on one rank."""
    folder = tmp_path_factory.mktemp("alone")
    train_steps(folder, 4)
    return folder


@pytest.mark.parametrize(("rows", "world"), [(12, 1), (12, 2), (12, 3), (13, 2), (5, 4), (3, 4)])
def test_the_shards_of_all_ranks_are_the_batch_in_order(rows: int, world: int) -> None:
    shards = [RankShard(rank, world).rows(rows) for rank in range(world)]
    assert len({len(shard) for shard in shards}) == 1
    together = [row for shard in shards for row in shard]
    assert together[:rows] == list(range(rows)) and set(together[rows:]) <= {rows - 1}


@pytest.mark.parametrize(("before", "after"), [pytest.param(2, 1, marks=pytest.mark.slow), (1, 2)])
def test_one_and_two_ranks_give_equal_losses_also_after_a_change(
    alone: Path, tmp_path: Path, before: int, after: int
) -> None:
    for world, steps in ((before, 2), (after, 4)):
        if world == 1:
            train_steps(tmp_path, steps)
        else:
            train_on_ranks(tmp_path, steps, world)

    mine, its = (read_metrics(folder / "metrics.jsonl") for folder in (tmp_path, alone))

    def facts(lines: list[Metrics]) -> list[object]:
        return [(line.step, line.position, line.images, line.pairs) for line in lines]

    assert facts(mine) == facts(its) and len(mine) == 4
    # A sum over two ranks is rounded differently from a sum over one.
    assert [line.loss for line in mine] == pytest.approx([line.loss for line in its], rel=1e-4)
    assert [line.grad_norm for line in mine] == pytest.approx([line.grad_norm for line in its], rel=1e-3)
    same_weights(tmp_path, alone)


def test_supervised_gives_equal_losses_on_one_and_two_ranks(tmp_path: Path) -> None:
    train_steps(tmp_path / "one", 3, "supervised")
    train_on_ranks(tmp_path / "two", 3, 2, "supervised")

    mine, its = (read_metrics(tmp_path / name / "metrics.jsonl") for name in ("two", "one"))
    assert [line.loss for line in mine] == pytest.approx([line.loss for line in its], rel=1e-4)
    assert [line.measures["accuracy"] for line in mine] == pytest.approx([line.measures["accuracy"] for line in its])
    same_weights(tmp_path / "two", tmp_path / "one")


@pytest.mark.slow
def test_multitask_gives_equal_ranking_losses_on_one_and_two_ranks(tmp_path: Path) -> None:
    train_steps(tmp_path / "one", 1, "multitask")
    train_on_ranks(tmp_path / "two", 1, 2, "multitask")

    (mine,), (its,) = (read_metrics(tmp_path / name / "metrics.jsonl") for name in ("two", "one"))
    assert (mine.position, mine.images, mine.pairs) == (its.position, its.images, its.pairs)
    # The context head normalizes by the batch; on CPUs, each rank normalizes by its own half.
    assert mine.measures["ranking_loss"] == pytest.approx(its.measures["ranking_loss"], rel=1e-4)
    assert mine.measures["place_loss"] == pytest.approx(its.measures["place_loss"], rel=0.2)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_inputs_of_two_ranks_are_those_of_one(objective: ObjectiveName) -> None:
    settings = replace(SETTINGS, objective=objective, **OTHERS[objective])
    load = make_objective(settings, ToyService()).load
    whole, halves = load(5, RankShard(0, 1)), [load(5, RankShard(rank, 2)) for rank in range(2)]
    for number, inputs in enumerate(whole.inputs):
        assert torch.cat([half.inputs[number] for half in halves])[: len(inputs)].equal(inputs)
    for name, target in whole.targets.items():
        assert all(half.targets[name].equal(target) for half in halves)


def same_weights(one: Path, other: Path) -> None:
    (mine, _), (its, _) = checkpoint.load_latest(one), checkpoint.load_latest(other)
    assert mine is not None and its is not None
    for name, tensor in mine["model"].items():
        torch.testing.assert_close(tensor, its["model"][name], rtol=1e-3, atol=1e-4)
