"""Everything that can go wrong while training and evaluating.

TrainerError
  x RunError
    - RunNotFound        no run, checkpoint or weights file has this name
    - RunBusy            another trainer holds the run
    - SettingsDiffer     a run goes on with the settings it began with, or not at all
    - ImagesChanged      the folder that a run trains on holds other images than when it began
    - DamagedCheckpoint  no checkpoint of the run can be read
  x WeightsError         a file of weights does not fit the trunk
  x ImageError           bytes that are no image
  x LossNotFinite        the loss or its gradient became NaN or infinite
  x BenchmarkError       a folder or a snapshot cannot serve as a benchmark
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foundation.errors import AffinityError


class TrainerError(AffinityError):
    """The root: its message says what happened, to what, and what to do next."""


class RunError(TrainerError):
    """A run cannot be opened."""


class RunNotFound(RunError):
    """No run, checkpoint or weights file has this name."""

    def __init__(self, name: str, runs: Path) -> None:
        self.name = name
        super().__init__(
            f"{name!r} is neither a run in {runs}, nor a checkpoint (.pt), nor a trunk (.safetensors). "
            "`affinity train --run NAME` makes a run."
        )


class RunBusy(RunError):
    """Another trainer holds the run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(f"Another trainer is at work on {folder}. Wait for it to end, or choose another --run.")


class SettingsDiffer(RunError):
    """A run goes on with the settings it began with, or not at all."""

    def __init__(self, name: str, differences: Mapping[str, tuple[Any, Any]]) -> None:
        self.differences = dict(differences)
        listed = ", ".join(f"{key} ({stored!r}, now {given!r})" for key, (stored, given) in differences.items())
        super().__init__(
            f"The run {name} began with other settings: {listed}. Leave these options out to go on, "
            "or choose another --run to begin anew. Only --steps may grow, and not under the schedule cosine."
        )


class ImagesChanged(RunError):
    """The folder that a run trains on holds other images than when it began."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(
            f"Images were added to {folder}, lost there, or changed, since the run {name} began: its order of them "
            "would be another. Put them back to go on, or choose another --run to begin anew."
        )


class DamagedCheckpoint(RunError):
    """A checkpoint cannot be read."""


class WeightsError(TrainerError):
    """A file of weights does not fit the trunk."""


class ImageError(TrainerError):
    """Bytes that are no image."""


class LossNotFinite(TrainerError):
    """The loss or its gradient became NaN or infinite; the weights were not touched by it."""

    def __init__(self, what: str, step: int, position: int, value: float, checkpoint: int | None) -> None:
        self.step = step
        self.position = position
        self.checkpoint = checkpoint
        good = f"The last good checkpoint is of step {checkpoint}" if checkpoint else "There is no checkpoint yet"
        if what == "loss" and checkpoint == step - 1 and checkpoint:
            good = f"The newest checkpoint, of step {checkpoint}, holds the weights that gave it"
        super().__init__(
            f"The {what} of step {step} (pairs from position {position}) is {value}, so training stopped. "
            f"{good}. Begin another run with a lower --lr."
        )


class BenchmarkError(TrainerError):
    """A folder or a snapshot cannot serve as a benchmark."""
