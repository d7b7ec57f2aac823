"""The state of a training: the model, its optimizer, and how far they have come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch.optim import Optimizer

from api.client.stream import Schedule
from foundation.settings import from_stored, to_stored
from trainer.loop.optimizer import build_optimizer
from trainer.models.siamese import Model
from trainer.objectives.registry import build_model
from trainer.runs import checkpoint
from trainer.runs.checkpoint import Span
from trainer.runs.run import find_differences, settings_differ
from trainer.settings import TrainSettings


@dataclass
class TrainState:
    """The state after `step` steps."""

    settings: TrainSettings
    model: Model
    optimizer: Optimizer
    step: int = 0
    position: int = 0
    """Position of the next step's first pair, in the order of the last of `spans`."""
    saved_step: int = 0
    """Step of the newest checkpoint; 0 without one."""
    spans: list[Span] = field(default_factory=list)
    """The snapshots that were trained on, one after another, each with the steps done before it."""

    @property
    def snapshot(self) -> str:
        """The snapshot of the next step."""
        return self.spans[-1][1] if self.spans else self.settings.snapshot

    @property
    def schedule(self) -> Schedule:
        """The positions of the batches to come."""
        return Schedule(batch=self.settings.batch, start=self.position)

    @classmethod
    def begin(cls, settings: TrainSettings, device: torch.device) -> TrainState:
        """Make the state before the first step."""
        model = build_model(settings).to(device)
        return cls(settings, model, build_optimizer(model, settings))

    def resume(self, folder: Path, notify: Callable[[str], None]) -> None:
        """Load the newest checkpoint that can be read, if there is any.

        Raises RunError if it was made with other settings than these, and DamagedCheckpoint.
        """
        content, damaged = checkpoint.load_latest(folder)
        for error in damaged:
            notify(f"{error}. Using the checkpoint before it.")
        if content is not None:
            stored = from_stored(TrainSettings, content["settings"])
            expected = {**asdict(self.settings), "steps": stored.steps}
            # A setting that is newer than the checkpoint had its default value then.
            if differences := find_differences(asdict(stored), expected):
                raise settings_differ(folder.name, differences)
            checkpoint.restore(content, self.model, self.optimizer)
            self.step = self.saved_step = content["step"]
            self.position = content["position"]
            self.spans = content["spans"]
            notify(f"Resuming {folder.name} after step {self.step}.")

    def advance(self, num_batches: int) -> None:
        """Count one step, on this many batches."""
        self.position = self.schedule.after(num_batches)
        self.step += 1

    def follow(self, snapshot: str) -> None:
        """Continue in another snapshot, from the first position of its order."""
        self.spans = [*(self.spans or [(0, self.snapshot)]), (self.step, snapshot)]
        self.position = 0

    def save(self, folder: Path) -> None:
        """Write a checkpoint, unless the newest one is of this step."""
        if self.step == self.saved_step:
            return
        content = checkpoint.capture(
            self.model,
            self.optimizer,
            step=self.step,
            position=self.position,
            settings=to_stored(self.settings),
            spans=self.spans,
        )
        checkpoint.save(folder, content)
        self.saved_step = self.step
