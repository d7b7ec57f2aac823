from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from trainer.errors import DamagedCheckpoint
from trainer.runs import checkpoint


def network(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    return model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def learn(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    model(torch.randn(8, 4)).square().sum().backward()
    optimizer.step()


def save(folder: Path, step: int, seed: int = 0) -> Path:
    model, optimizer = network(seed)
    learn(model, optimizer)
    content = checkpoint.capture(model, optimizer, step=step, position=step * 10, settings={"lr": 0.1})
    return checkpoint.save(folder, content)


def test_a_restored_model_learns_as_the_original_does(tmp_path: Path) -> None:
    model, optimizer = network(0)
    learn(model, optimizer)
    checkpoint.save(tmp_path, checkpoint.capture(model, optimizer, step=1, position=10, settings={"lr": 0.1}))
    learn(model, optimizer)

    content, damaged = checkpoint.load_latest(tmp_path)
    assert content is not None and damaged == []
    assert (content["step"], content["position"], content["settings"]) == (1, 10, {"lr": 0.1})
    other, its_optimizer = network(99)
    checkpoint.restore(content, other, its_optimizer)
    learn(other, its_optimizer)

    assert all(torch.equal(mine, its) for mine, its in zip(model.parameters(), other.parameters(), strict=True))


def test_the_last_two_checkpoints_are_kept(tmp_path: Path) -> None:
    for step in (5, 10, 15, 20):
        save(tmp_path, step)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000000015.pt", "step-000000020.pt"]


def test_an_unfinished_write_is_ignored(tmp_path: Path) -> None:
    save(tmp_path, 5)
    (tmp_path / ".step-000000010.pt.tmp").write_bytes(b"half of")

    content, _ = checkpoint.load_latest(tmp_path)

    assert content is not None and content["step"] == 5


@pytest.mark.parametrize("kept", [0, 100, 2000])
def test_the_checkpoint_before_a_damaged_one_is_loaded(tmp_path: Path, kept: int) -> None:
    save(tmp_path, 5)
    newest = save(tmp_path, 10)
    newest.write_bytes(newest.read_bytes()[:kept])

    content, damaged = checkpoint.load_latest(tmp_path)

    assert content is not None and content["step"] == 5
    assert len(damaged) == 1 and newest.name in str(damaged[0])


def test_a_run_with_only_damaged_checkpoints_is_an_error(tmp_path: Path) -> None:
    save(tmp_path, 5).write_bytes(b"nothing")

    with pytest.raises(DamagedCheckpoint, match=r"step-000000005\.pt"):
        checkpoint.load_latest(tmp_path)


def test_another_kind_of_file_is_a_damaged_checkpoint(tmp_path: Path) -> None:
    torch.save({"weights": torch.zeros(3)}, tmp_path / "other.pt")

    with pytest.raises(DamagedCheckpoint, match=r"other\.pt"):
        checkpoint.load(tmp_path / "other.pt")


def test_a_folder_without_checkpoints_has_none(tmp_path: Path) -> None:
    assert checkpoint.load_latest(tmp_path) == (None, [])
