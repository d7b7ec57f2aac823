"""What training changes: the network, its optimizer, and how far they have come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch.optim import Optimizer

from foundation.settings import from_stored, to_stored
from trainer.errors import SettingsDiffer
from trainer.loop.optimizer import build_optimizer
from trainer.models.siamese import Model
from trainer.objectives.registry import build_model
from trainer.runs import checkpoint
from trainer.runs.checkpoint import Span
from trainer.runs.run import differing
from trainer.settings import TrainSettings


@dataclass
class TrainState:
    """After `step` steps; `position` is that of the first pair nobody was given, in the order of the last of `spans`;
    `saved` the last checkpoint's step."""

    settings: TrainSettings
    model: Model
    optimizer: Optimizer
    step: int = 0
    position: int = 0
    saved: int = 0
    spans: list[Span] = field(default_factory=list)
    """The snapshots that were trained on, one after another, each with the steps done before it."""

    @property
    def snapshot(self) -> str:
        """The snapshot that the next step is of."""
        return self.spans[-1][1] if self.spans else self.settings.snapshot

    @classmethod
    def begin(cls, settings: TrainSettings, device: torch.device) -> TrainState:
        """A run before its first step."""
        model = build_model(settings).to(device)
        return cls(settings, model, build_optimizer(model, settings))

    def resume(self, folder: Path, say: Callable[[str], None]) -> None:
        """Come back from the newest checkpoint that can be read, where there is one.

        Raises SettingsDiffer where it was made with other settings than these, and DamagedCheckpoint.
        """
        content, damaged = checkpoint.load_latest(folder)
        for error in damaged:
            say(f"{error}. Going on from the one before it.")
        if content is not None:
            made_with = from_stored(TrainSettings, content["settings"])
            # A setting that came after the checkpoint was made had its default then.
            own = {**asdict(self.settings), "steps": made_with.steps}
            if differences := differing(asdict(made_with), own):
                raise SettingsDiffer(folder.name, differences)
            checkpoint.restore(content, self.model, self.optimizer)
            self.step = self.saved = content["step"]
            self.position = content["position"]
            self.spans = content["spans"]
            say(f"Resuming {folder.name} after step {self.step}.")

    def advance(self, num_pairs: int) -> None:
        """One step was done, on this many pairs of the order."""
        self.step += 1
        self.position += num_pairs

    def follow(self, snapshot: str) -> None:
        """Go on in another snapshot, whose order begins at its first position."""
        self.spans = [*(self.spans or [(0, self.snapshot)]), (self.step, snapshot)]
        self.position = 0

    def save(self, folder: Path) -> None:
        """Write a checkpoint, unless the last one is of this step."""
        if self.step == self.saved:
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
        self.saved = self.step
