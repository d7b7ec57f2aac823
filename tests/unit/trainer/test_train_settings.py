from __future__ import annotations

from pathlib import Path
from typing import Any

import platformdirs
import pytest

from foundation.errors import SettingsError
from foundation.settings import from_stored, to_stored
from trainer.settings import RuntimeSettings, TrainSettings, runs_folder


def test_the_defaults_are_those_of_the_paper() -> None:
    paper = TrainSettings()

    assert (paper.batch, paper.steps, paper.lr, paper.margin) == (100, 200_000, 0.001, 0.5)
    assert (paper.mix, paper.negatives, paper.image_size) == ("transitive:7,intra:2", "batch", 96)
    assert paper.head_widths == (4096, 1024)
    assert paper.augmentations == frozenset()


@pytest.mark.parametrize(
    "given",
    [
        {"trunk": ""},
        {"negatives": "none"},
        {"batch": 0},
        {"steps": 0},
        {"seed": -1},
        {"image_size": 16},
        {"head": "4096"},
        {"head": "4096,wide"},
        {"augment": "mirror,blur"},
        {"decode": "tpu"},
        {"lr": 0.0},
        {"momentum": 1.0},
        {"objective": "guessing"},
        {"loss": "hinge"},
        {"negative_mining": "easy"},
        {"negative_mining": "hard", "loss": "infonce"},
        {"num_negatives": 4},
        {"temperature": 0.0},
        {"queue": 64},
        {"optimizer": "adam"},
        {"schedule": "linear"},
        {"lr_drop": 0},
        {"warmup": -1},
        {"max_grad_norm": -1.0},
        {"accumulate": 0},
    ],
    ids=str,
)
def test_a_value_that_cannot_be_is_refused_by_name(given: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(given)).replace("_", "-")):
        TrainSettings(**given)


@pytest.mark.parametrize("given", [{"threads": 0}, {"loader_threads": 0}, {"checkpoint_every": 0}], ids=str)
def test_a_machine_that_cannot_be_is_refused_by_name(given: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(given)).replace("_", "-")):
        RuntimeSettings(**given)


def test_settings_that_do_not_fit_together_are_refused_with_a_sentence() -> None:
    with pytest.raises(SettingsError, match="negative-mining is 'hard'; it must be service with --loss infonce"):
        TrainSettings(negative_mining="hard", loss="infonce")
    with pytest.raises(SettingsError, match=r"evaluate-every is 5; it must be 0 without .* --evaluate-on"):
        RuntimeSettings(evaluate_every=5)


OLD = {
    "objective": "transitive",
    "snapshot": "latest",
    "images": None,
    "mix": "transitive:7,intra:2",
    "negatives": "batch",
    "seed": 0,
    "steps": 200000,
    "batch": 100,
    "trunk": "resnet18",
    "image_size": 96,
    "head": "4096,1024",
    "init": None,
    "decode": "cpu",
    "augment": "none",
    "loss": "triplet",
    "margin": 0.5,
    "sides": "anchor",
    "mining": "given",
    "num_negatives": 1,
    "temperature": 0.07,
    "queue": 0,
    "optimizer": "sgd",
    "lr": 0.001,
    "schedule": "step",
    "lr_drop": 100000,
    "warmup": 0,
    "momentum": 0.9,
    "weight_decay": 0.0005,
    "clip": 0.0,
    "accumulate": 1,
}
OLD_RUNTIME = {
    "url": "http://127.0.0.1:8477",
    "device": "auto",
    "threads": None,
    "loaders": 4,
    "compile": False,
    "checkpoint_every": 500,
    "patience": 600.0,
    "follow": False,
    "evaluate_every": 0,
    "evaluate_on": None,
    "evaluate_pairs": None,
    "hold_out": 0.25,
    "tensorboard": False,
}
"""The settings as version 0.1 wrote them into runs, checkpoints and cards."""


def test_runs_of_version_0_1_are_read_and_written_back() -> None:
    assert list(to_stored(TrainSettings()).items()) == list(OLD.items())
    assert list(to_stored(RuntimeSettings()).items()) == list(OLD_RUNTIME.items())
    changed = OLD | {"sides": "both", "mining": "half", "num_negatives": 4, "clip": 1.0}
    read = from_stored(TrainSettings, changed)
    expected = TrainSettings(symmetric=True, negative_mining="half", num_negatives=4, max_grad_norm=1.0)
    assert read == expected and to_stored(read) == changed
    runtime = from_stored(RuntimeSettings, OLD_RUNTIME | {"loaders": 2, "patience": 5.0})
    assert runtime == RuntimeSettings(loader_threads=2, reconnect_seconds=5.0)


def test_augmentations_are_named_one_by_one() -> None:
    assert TrainSettings(augment="color, mirror").augmentations == {"mirror", "color"}


def test_runs_lie_in_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert runs_folder() == platformdirs.user_data_path("affinity-graph") / "runs"
    monkeypatch.setenv("AFFINITY_DATA", str(tmp_path / "there"))
    assert runs_folder() == tmp_path / "there" / "runs"
    assert runs_folder(tmp_path / "here") == tmp_path / "here" / "runs"
