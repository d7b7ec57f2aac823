from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from foundation.errors import SettingsError
from trainer.errors import RunError
from trainer.runs.run import Run, unused_name
from trainer.settings import TrainSettings

SNAPSHOT = {"id": "a1b2", "counts": {"transitive": 300, "intra": 100, "inter": 100}}
TRACKS_ALONE = {"id": "c3d4", "counts": {"transitive": 0, "intra": 100, "inter": 0}}


def settle(folder: Path, given: Mapping[str, Any], snapshot: Mapping[str, Any] = SNAPSHOT) -> TrainSettings:
    """Determine and store the settings of the run, as a trainer does."""
    with Run(folder) as run:
        settings, found = run.settings(given, lambda wanted: snapshot, lambda text: None)
        run.write(settings, found, run.runtime({}))
    return settings


def test_latest_is_replaced_by_the_id_when_the_run_begins(tmp_path: Path) -> None:
    assert settle(tmp_path / "run", {"snapshot": "latest"}).snapshot == "a1b2"
    assert settle(tmp_path / "run", {"snapshot": "latest"}, TRACKS_ALONE).snapshot == "a1b2"


def test_a_resumed_run_keeps_its_settings(tmp_path: Path) -> None:
    begun = settle(tmp_path / "run", {"lr": 0.02, "batch": 7, "steps": 50})

    assert settle(tmp_path / "run", {}) == begun
    assert settle(tmp_path / "run", {"lr": 0.02}) == begun


def test_steps_may_grow(tmp_path: Path) -> None:
    settle(tmp_path / "run", {"steps": 50})

    assert settle(tmp_path / "run", {"steps": 80}).steps == 80
    assert settle(tmp_path / "run", {}).steps == 80


def test_other_settings_are_an_error_with_their_names(tmp_path: Path) -> None:
    settle(tmp_path / "run", {"lr": 0.02, "seed": 1, "steps": 50})

    with pytest.raises(RunError) as caught:
        settle(tmp_path / "run", {"lr": 0.03, "seed": 2, "batch": 100, "steps": 40, "snapshot": "ffff"})

    listed = "lr (0.02, now 0.03), seed (1, now 2), snapshot ('a1b2', now 'ffff'), steps (50, now 40)"
    assert f": {listed}. Leave these options out" in str(caught.value)


def test_the_default_mix_without_inter_edges_is_intra(tmp_path: Path) -> None:
    lines: list[str] = []
    with Run(tmp_path / "run") as run:
        settings, _ = run.settings({}, lambda wanted: TRACKS_ALONE, lines.append)

    assert settings.mix == "intra:1"
    assert "no INTER edges" in lines[0]


def test_a_given_mix_is_not_replaced(tmp_path: Path) -> None:
    assert settle(tmp_path / "run", {"mix": "transitive:1"}, TRACKS_ALONE).mix == "transitive:1"


def test_runtime_settings_are_stored_and_may_change(tmp_path: Path) -> None:
    settle(tmp_path / "run", {})
    with Run(tmp_path / "run") as run:
        run.write(TrainSettings(), SNAPSHOT, run.runtime({"threads": 3, "url": "http://there:1"}))
        assert (run.runtime({}).threads, run.runtime({}).url) == (3, "http://there:1")
        assert run.runtime({"url": "http://here:2"}).threads == 3


def test_a_run_is_locked(tmp_path: Path) -> None:
    with Run(tmp_path / "run"), pytest.raises(RunError, match="run"):
        Run(tmp_path / "run").__enter__()


def test_a_run_that_did_not_begin_leaves_no_folder(tmp_path: Path) -> None:
    def unreachable(wanted: TrainSettings) -> Mapping[str, Any]:
        raise ConnectionError(wanted.snapshot)

    with pytest.raises(ConnectionError), Run(tmp_path / "run") as run:
        run.settings({}, unreachable, lambda text: None)

    assert not (tmp_path / "run").exists()


def test_settings_that_cannot_be_trained_with_are_not_stored(tmp_path: Path) -> None:
    with pytest.raises(SettingsError), Run(tmp_path / "run") as run:
        run.write(TrainSettings(decode="gpu"), SNAPSHOT, run.runtime({}))
        raise SettingsError("no GPU is here")

    assert settle(tmp_path / "run", {"decode": "cpu"}).decode == "cpu"


def test_a_run_stopped_before_its_first_step_keeps_its_settings(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Run(tmp_path / "run") as run:
        run.write(TrainSettings(lr=0.02), SNAPSHOT, run.runtime({}))
        raise KeyboardInterrupt

    with pytest.raises(SettingsError), Run(tmp_path / "run"):
        raise SettingsError("tried elsewhere")

    assert settle(tmp_path / "run", {}).lr == 0.02


def test_a_missing_images_folder_is_an_error_before_the_service_is_asked(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--images"):
        settle(tmp_path / "run", {"objective": "supervised"})

    assert not (tmp_path / "run").exists()


def test_a_run_with_a_cosine_schedule_cannot_grow(tmp_path: Path) -> None:
    settle(tmp_path / "run", {"schedule": "cosine", "steps": 50})

    with pytest.raises(RunError, match="not under the schedule cosine"):
        settle(tmp_path / "run", {"steps": 80})


def test_a_run_without_a_name_takes_the_first_free_one(tmp_path: Path) -> None:
    assert unused_name(tmp_path, "vgg16") == "vgg16-1"
    (tmp_path / "vgg16-1").mkdir()
    assert unused_name(tmp_path, "vgg16") == "vgg16-2"
