"""Evaluations, curves and the hardest triplets during a training, and that they do not change it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from foundation.errors import SettingsError
from tests.unit.trainer.loop.test_train import RUNTIME, equal, train_run
from tests.unit.trainer.toy_service import ToyService, draw_patch
from trainer.data.triplets import TripletLoader
from trainer.distributed.ranks import SINGLE_PROCESS
from trainer.errors import DataError
from trainer.evaluation.online import Evaluator
from trainer.objectives.multitask import MultiTask
from trainer.runs.metrics import append_evaluation, read_evaluations, truncate_evaluations
from trainer.runs.tensorboard import hardest_triplets, hardest_triplets_image
from trainer.settings import RuntimeSettings, TrainSettings

pytestmark = pytest.mark.usefixtures("settled_torch")


@pytest.fixture
def labeled(tmp_path: Path) -> Path:
    """Two classes of three instances with two views each."""
    for group in range(2):
        folder = tmp_path / "labeled" / f"class-{group}"
        folder.mkdir(parents=True)
        for instance in range(3):
            for view in range(2):
                (folder / f"{instance}_{view}.jpg").write_bytes(draw_patch(group, 9, instance, view))
    return tmp_path / "labeled"


def watched(labeled: Path, **given: Any) -> RuntimeSettings:
    on: dict[str, Any] = {"evaluate_every": 2, "evaluate_on": str(labeled), "evaluate_pairs": "toy", "hold_out": 0.5}
    return replace(RUNTIME, **on, **given)


def test_evaluations_during_training_do_not_change_the_weights(tmp_path: Path, labeled: Path) -> None:
    train_run(tmp_path / "watched", 5, runtime=watched(labeled))
    train_run(tmp_path / "alone", 5)

    found = read_evaluations(tmp_path / "watched" / "evaluations.jsonl")
    assert [one["step"] for one in found] == [2, 4]
    assert set(found[0]) == {"step", "snapshot", "knn", "knn_top1", "precision", "aa_dist", "ab_dist", "ac_dist"}
    assert found[0]["snapshot"] == "toy"
    assert 0 <= found[1]["knn"] <= 1 and 0 <= found[1]["ab_dist"] <= 2
    assert equal(tmp_path / "watched", tmp_path / "alone")


def test_truncation_removes_evaluations_of_later_steps(tmp_path: Path) -> None:
    path = tmp_path / "evaluations.jsonl"
    for step in (2, 4, 6):
        append_evaluation(path, {"step": step, "knn": 0.5})
    path.write_text(path.read_text() + '{"step": 8, "kn')

    truncate_evaluations(path, 4)

    assert [one["step"] for one in read_evaluations(path)] == [2, 4]


def test_an_unusable_evaluation_folder_is_an_error_before_the_first_step(tmp_path: Path) -> None:
    runtime = replace(RUNTIME, evaluate_every=2, evaluate_on=str(tmp_path))
    with pytest.raises(DataError, match="classes"):
        train_run(tmp_path / "run", 5, runtime=runtime)
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


def test_an_evaluation_without_folder_and_pairs_is_an_error() -> None:
    with pytest.raises(SettingsError, match="--evaluate-on or --evaluate-pairs"):
        RuntimeSettings(evaluate_every=5)


def test_an_objective_without_embeddings_cannot_be_evaluated_on_pairs() -> None:
    runtime = replace(RUNTIME, evaluate_every=2, evaluate_pairs="toy")
    with pytest.raises(SettingsError, match="--evaluate-on"):
        Evaluator(runtime, TrainSettings(objective="context"), ToyService(), print)


def test_evaluation_on_the_training_snapshot_prints_a_warning(
    tmp_path: Path, labeled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train_run(tmp_path / "run", 2, runtime=watched(labeled))

    assert "not held out of training" in capsys.readouterr().err


def test_tensorboard_has_curves_histograms_and_the_hardest_triplets(tmp_path: Path, labeled: Path) -> None:
    train_run(tmp_path / "run", 3, runtime=watched(labeled, tensorboard=True), negative_mining="half", num_negatives=2)
    train_run(tmp_path / "run", 4, runtime=watched(labeled, tensorboard=True))

    board = EventAccumulator(str(tmp_path / "run" / "tensorboard"), size_guidance={"images": 0}).Reload()
    tags = board.Tags()
    assert {"loss", "learning rate", "images per second", "waiting for data", "mean/an_dist"} <= set(tags["scalars"])
    assert {"held out/knn", "held out/aa_dist", "held out/ac_dist"} <= set(tags["scalars"])
    assert [point.step for point in board.Scalars("loss")] == [1, 2, 3, 4]
    assert set(tags["histograms"]) == {"ap_dist", "an_dist"}
    (picture,) = board.Images("hardest triplets")
    assert (picture.width, picture.height) == (3 * 32, 4 * 32)  # four pairs of 32 pixels


def test_the_hardest_triplet_has_the_nearest_negative_relative_to_its_positive() -> None:
    batch = TripletLoader(ToyService(), TrainSettings(snapshot="toy", batch=4, image_size=32))(0)
    embeddings_ND = torch.eye(batch.images)
    embeddings_ND[4:8] = embeddings_ND[:4]  # each positive where its anchor is
    embeddings_ND[6] = -embeddings_ND[2]  # but that of pair 2

    found = hardest_triplets(batch, embeddings_ND)

    assert found[0][:2] == [2, 6] and len(found) == 4
    groups_N = batch.targets["group_N"]
    assert all(groups_N[negative] != groups_N[anchor] for anchor, _, negative in found)
    picture = hardest_triplets_image(batch, embeddings_ND)
    assert picture is not None and picture.shape == (3, 4 * 32, 3 * 32)
    assert picture[:, :32, :32].equal(batch.inputs[0][2])


def test_rows_beyond_the_batch_are_never_negatives() -> None:
    settings = TrainSettings(objective="multitask", mix="intra:1", snapshot="toy", batch=4, image_size=32)
    batch = MultiTask(settings, ToyService()).load(0, SINGLE_PROCESS)
    groups = len(batch.targets["group_N"])

    found = hardest_triplets(batch, torch.ones(groups + 1, 5))

    assert max(map(max, found)) < groups < batch.images


def test_a_rank_without_a_whole_triplet_draws_no_image() -> None:
    batch = TripletLoader(ToyService(), TrainSettings(snapshot="toy", batch=4, image_size=32))(0)
    assert hardest_triplets_image(replace(batch, inputs=(batch.inputs[0][:4],)), torch.rand(batch.images, 5)) is None
