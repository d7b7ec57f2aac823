"""The card of exported weights describes their training, not the export."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.unit.trainer.ranked import train_steps
from trainer.runs.checkpoint import path_at
from trainer.runs.export import export_weights

pytestmark = pytest.mark.usefixtures("settled_torch")

VERSIONS = {"revision": "that of the training"}
HALF, WHOLE = 2, 4


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Train four steps with another version of the code, in two sessions."""
    folder = tmp_path / "runs" / "ours"
    folder.parent.mkdir()
    with monkeypatch.context() as context:
        for module in ("runs.checkpoint", "models.weights"):
            context.setattr(f"trainer.{module}.versions", lambda: VERSIONS)
        for steps in (HALF, WHOLE):
            train_steps(folder, steps)
    return folder


def card_of(name: str | Path, run: Path) -> dict[str, Any]:
    """Export the network of this name and read its card."""
    path = run.parent.parent / "exported.safetensors"
    export_weights(str(name), path, run.parent, trunk_only=True)
    card: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
    return card


def own_card(run: Path) -> dict[str, Any]:
    card: dict[str, Any] = json.loads((run / "trunk.json").read_text())
    return card


def test_a_run_its_trunk_and_its_last_checkpoint_export_the_same_card(run: Path) -> None:
    own = own_card(run)
    assert own["versions"] == VERSIONS and own["pairs"] == {"transitive": 20}
    for name in ("ours", run, run / "trunk.safetensors", path_at(run, WHOLE)):
        assert card_of(name, run) == own


def test_an_unfinished_run_exports_a_card_from_its_checkpoint_and_metrics(run: Path) -> None:
    own = own_card(run)
    (run / "trunk.json").unlink()
    assert card_of("ours", run) == own


def test_an_earlier_checkpoint_does_not_export_the_card_of_later_steps(run: Path) -> None:
    own = own_card(run)
    path_at(run, WHOLE).unlink()
    for name in ("ours", path_at(run, HALF)):
        card = card_of(name, run)
        assert (card["steps"], card["versions"]) == (HALF, VERSIONS)
        assert 0 < sum(card["pairs"].values()) < sum(own["pairs"].values())


def test_a_checkpoint_outside_its_run_exports_unknown_pairs(run: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "alone.pt"
    shutil.copy(path_at(run, HALF), elsewhere)
    card = card_of(elsewhere, run)
    assert (card["steps"], card["pairs"], card["versions"]) == (HALF, None, VERSIONS)
