"""Checkpoints: the state from which a run is resumed. Steps after the newest checkpoint are done again.

A file holds the weights, the optimizer, the random state, the step, the position of the next pair, the settings, the
snapshots that were trained on, and the versions of the code. It is written atomically; the last two are kept.
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
from trainer.models.provenance import versions

KEPT = 2
"""Checkpoints of a run that are kept."""

Span: TypeAlias = tuple[int, str]
"""A snapshot that was trained on, after the number of steps done before it."""


class Checkpoint(TypedDict):
    """The content of a file. Its names are stored: do not change them."""

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
    """Collect the state of a run after `step` steps. The tensors are the model's own, not copies."""
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
    """Load the model, the optimizer and the random state from a checkpoint."""
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    torch.set_rng_state(checkpoint["random"]["cpu"])
    # A run may be resumed with another number of GPUs. Additional ones keep their own random state.
    for device, state in enumerate(checkpoint["random"]["cuda"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(state, device)


def save(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint to the folder, then delete all but the last two."""
    path = path_at(folder, checkpoint["step"])
    with atomic_write(path) as file:
        torch.save(checkpoint, file)
    for old in list_checkpoints(folder)[KEPT:]:
        old.unlink()
    return path


def path_at(folder: Path, step: int) -> Path:
    """The path of the checkpoint after this step."""
    return folder / f"step-{step:09d}.pt"


def list_checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a folder, newest first."""
    return sorted(folder.glob("step-*.pt"), reverse=True)


def load(path: Path) -> Checkpoint:
    """Load a checkpoint to the CPU. Raises DamagedCheckpoint, which names the file."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        # Older checkpoints have no spans, from before runs could follow a snapshot to its successor, or no versions.
        content = {"spans": [], "versions": {}, **content}
        return cast(Checkpoint, {name: content[name] for name in Checkpoint.__required_keys__})
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError, KeyError, TypeError) as error:
        raise DamagedCheckpoint(f"The checkpoint {path} cannot be read: {error}") from error


def load_latest(folder: Path) -> tuple[Checkpoint | None, list[DamagedCheckpoint]]:
    """Load the newest checkpoint that can be read, and list the errors of those newer than it.

    Returns None if the folder has no checkpoint. Raises DamagedCheckpoint if it has some and none can be read: a new
    beginning would hide the loss.
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
