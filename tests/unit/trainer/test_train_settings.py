from __future__ import annotations

from pathlib import Path
from typing import Any

import platformdirs
import pytest

from foundation.errors import SettingsError
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
        {"sides": "left"},
        {"mining": "easy"},
        {"mining": "hard", "loss": "infonce"},
        {"num_negatives": 4},
        {"temperature": 0.0},
        {"queue": 64},
        {"optimizer": "adam"},
        {"schedule": "linear"},
        {"lr_drop": 0},
        {"warmup": -1},
        {"clip": -1.0},
        {"accumulate": 0},
    ],
    ids=str,
)
def test_a_value_that_cannot_be_is_refused_by_name(given: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(given)).replace("_", "-")):
        TrainSettings(**given)


@pytest.mark.parametrize("given", [{"threads": 0}, {"loaders": 0}, {"checkpoint_every": 0}], ids=str)
def test_a_machine_that_cannot_be_is_refused_by_name(given: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(given)).replace("_", "-")):
        RuntimeSettings(**given)


def test_augmentations_are_named_one_by_one() -> None:
    assert TrainSettings(augment="color, mirror").augmentations == {"mirror", "color"}


def test_runs_lie_in_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert runs_folder() == platformdirs.user_data_path("affinity-graph") / "runs"
    monkeypatch.setenv("AFFINITY_DATA", str(tmp_path / "there"))
    assert runs_folder() == tmp_path / "there" / "runs"
    assert runs_folder(tmp_path / "here") == tmp_path / "here" / "runs"
