from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from trainer.errors import RunError
from trainer.loop.state import TrainState
from trainer.models.weights import save_trunk
from trainer.runs import checkpoint
from trainer.runs.loading import load_network, untrained
from trainer.settings import TrainSettings

SETTINGS = TrainSettings(snapshot="toy", image_size=32, head="8,4", seed=3)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A run `one` of five steps, whose weights differ from the first ones."""
    state = TrainState.begin(SETTINGS, torch.device("cpu"))
    with torch.no_grad():
        list(state.model.parameters())[-2].fill_(0.5)
    folder = tmp_path / "runs" / "one"
    folder.mkdir(parents=True)
    checkpoint.save(
        folder, checkpoint.capture(state.model, state.optimizer, step=5, position=50, settings=asdict(SETTINGS))
    )
    save_trunk(state.model.trunk, folder / "trunk.safetensors", {"settings": asdict(SETTINGS), "steps": 5})
    return tmp_path / "runs"


def test_a_run_is_found_by_its_name_its_folder_or_its_checkpoint(runs: Path) -> None:
    for name in ("one", str(runs / "one"), str(runs / "one" / "step-000000005.pt")):
        network = load_network(name, runs)
        assert torch.all(list(network.embedding_model().parameters())[-2] == 0.5)
        assert (network.settings, network.steps) == (SETTINGS, 5)


def test_a_trunk_alone_has_no_embedding(runs: Path) -> None:
    network = load_network(str(runs / "one" / "trunk.safetensors"), runs)

    assert network.steps == 5
    with pytest.raises(RunError, match="has no embedding"):
        network.embedding_model()


def test_an_unknown_name_is_an_error(runs: Path) -> None:
    (runs / "empty").mkdir()
    for name in ("two", "empty", str(runs / "one" / "step-000000099.pt")):
        with pytest.raises(RunError, match=Path(name).name):
            load_network(name, runs)


def test_untrained_has_the_first_weights_and_keeps_the_random_state() -> None:
    torch.manual_seed(11)
    expected = torch.rand(1)
    torch.manual_seed(11)

    twin = untrained(SETTINGS)

    assert torch.equal(torch.rand(1), expected)
    first = TrainState.begin(SETTINGS, torch.device("cpu")).model
    assert all(
        torch.equal(mine, its)
        for mine, its in zip(twin.embedding_model().parameters(), first.parameters(), strict=True)
    )
