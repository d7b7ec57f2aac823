"""What a training leaves: a line of metrics a step, checkpoints, and at the end the trunk. The first rank's work."""

from __future__ import annotations

from dataclasses import asdict

from foundation.settings import to_stored
from trainer.evaluation.online import Evaluator
from trainer.loop.state import TrainState
from trainer.loop.step import Look, StepResult
from trainer.models.weights import save_trunk
from trainer.runs.metrics import (
    Metrics,
    MetricsFile,
    Summary,
    append_evaluation,
    cut_evaluations,
    label,
    read_metrics,
    summarize,
)
from trainer.runs.progress import Progress
from trainer.runs.run import Run
from trainer.runs.tensorboard import Board
from trainer.settings import RuntimeSettings


class Record:
    """Of one run, from where its state is."""

    look: Look | None = None
    """What wants to see every step from inside."""

    def __init__(
        self, run: Run, state: TrainState, machine: RuntimeSettings, progress: Progress, evaluator: Evaluator | None
    ) -> None:
        self.run, self.state, self.machine, self.progress = run, state, machine, progress
        self._evaluator = evaluator
        self._file = MetricsFile(run.metrics_file, state.step)
        cut_evaluations(run.evaluations_file, state.step)
        self._board = Board(run.folder / "tensorboard", state.step) if machine.tensorboard else None
        if self._board:
            self.look = self._board.look

    def add(self, done: StepResult, *, seconds: float, waited: float) -> None:
        """The step just done."""
        state = self.state
        metrics = Metrics(
            step=state.step,
            snapshot=state.snapshot,
            position=state.position,
            **asdict(done),
            seconds=seconds,
            waited=waited,
        )
        self._file.append(metrics)
        self.progress.show(metrics)
        if self._board:
            self._board.add(metrics)
        if self._evaluator and state.step % self.machine.evaluate_every == 0:
            self._evaluate(self._evaluator)
        if state.step % self.machine.checkpoint_every == 0:
            self.save()

    def _evaluate(self, evaluator: Evaluator) -> None:
        step, found = self.state.step, evaluator(self.state.model)
        append_evaluation(self.run.evaluations_file, {"step": step, **evaluator.about, **found})
        self.progress.say(f"step {step}  " + "  ".join(f"{label(name)} {value:.3f}" for name, value in found.items()))
        if self._board:
            self._board.evaluated(step, found)

    def save(self) -> None:
        """Write a checkpoint, unless the last one is of this step; the lines of its steps first."""
        self._file.sync()
        self.state.save(self.run.folder)

    def finish(self) -> Summary | None:
        """Sum the run up, and write its trunk as others load it. None where not one step was done."""
        lines = read_metrics(self.run.metrics_file)
        if not lines:
            return None
        summary = summarize(lines, self.run.available_pairs())
        about = {"run": self.run.name, "steps": summary.steps, "pairs": summary.pairs}
        save_trunk(
            self.state.model.exported(), self.run.trunk_file, {**about, "settings": to_stored(self.state.settings)}
        )
        return summary

    def close(self) -> None:
        self._file.close()
        if self._board:
            self._board.close()


class NoRecord(Record):
    """Of the other ranks, which leave the same to the first."""

    def __init__(self) -> None:
        pass

    def add(self, done: StepResult, *, seconds: float, waited: float) -> None:
        pass

    def save(self) -> None:
        pass

    def finish(self) -> Summary | None:
        return None

    def close(self) -> None:
        pass
