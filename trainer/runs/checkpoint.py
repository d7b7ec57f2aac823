"""Checkpoints: the only truth about a run. What is not in one did not happen.

A file holds the weights, the optimizer, the random state, the step, the position of the next pair nobody was given,
the settings, the snapshots that were followed, and the versions of the code. It is written under a temporary name,
synced and renamed; the last two are kept.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypedDict, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from foundation.files import atomic_write
from trainer.errors import DamagedCheckpoint
from trainer.models.weights import versions

KEPT = 2

Span: TypeAlias = tuple[int, str]
"""A snapshot that was trained on, and how many steps had been done before it."""


class Checkpoint(TypedDict):
    """The content of a file."""

    step: int
    position: int
    settings: dict[str, Any]
    spans: list[Span]
    versions: dict[str, str | None]
    model: dict[str, Tensor]
    optimizer: dict[str, Any]
    random: dict[str, Any]


def capture(
    model: nn.Module,
    optimizer: Optimizer,
    *,
    step: int,
    position: int,
    settings: Mapping[str, Any],
    spans: Sequence[Span] = (),
) -> Checkpoint:
    """The state of a run after `step` steps; its tensors are those of the model, not copies."""
    random = {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}
    return Checkpoint(
        step=step,
        position=position,
        settings=dict(settings),
        spans=list(spans),
        versions=dict(versions()),
        model=model.state_dict(),
        optimizer=optimizer.state_dict(),
        random=random,
    )


def restore(checkpoint: Checkpoint, model: nn.Module, optimizer: Optimizer) -> None:
    """Bring model, optimizer and random state to where the checkpoint was taken."""
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    torch.set_rng_state(checkpoint["random"]["cpu"])
    # A run may go on with another number of GPUs; those that are new keep their own state.
    for device, state in enumerate(checkpoint["random"]["cuda"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(state, device)


def save(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint to the folder, durably, then let all but the last two go."""
    path = path_at(folder, checkpoint["step"])
    with atomic_write(path) as file:
        torch.save(checkpoint, file)
    for old in list_checkpoints(folder)[KEPT:]:
        old.unlink()
    return path


def path_at(folder: Path, step: int) -> Path:
    """The checkpoint of a folder after this step."""
    return folder / f"step-{step:09d}.pt"


def list_checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a folder, newest first."""
    return sorted(folder.glob("step-*.pt"), reverse=True)


def load(path: Path) -> Checkpoint:
    """A checkpoint, on the CPU. Raises DamagedCheckpoint, naming it, where it cannot be read."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        # A checkpoint without spans was made before runs could follow a snapshot to its successor, and one without
        # versions before it was kept which code trained.
        content = {"spans": [], "versions": {}, **content}
        return cast(Checkpoint, {name: content[name] for name in Checkpoint.__required_keys__})
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError, KeyError, TypeError) as error:
        raise DamagedCheckpoint(f"The checkpoint {path} cannot be read: {error}") from error


def load_latest(folder: Path) -> tuple[Checkpoint | None, list[DamagedCheckpoint]]:
    """The newest checkpoint that can be read, and what was wrong with those newer than it. None where none exists.

    Raises DamagedCheckpoint where there are some and none can be read: beginning anew would hide the loss.
    """
    damaged: list[DamagedCheckpoint] = []
    for path in list_checkpoints(folder):
        try:
            return load(path), damaged
        except DamagedCheckpoint as error:
            damaged.append(error)
    if damaged:
        raise damaged[0]
    return None, []
