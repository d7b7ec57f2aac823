"""What a training writes: metrics of every step, evaluations, checkpoints, and the trunk at the end."""

from __future__ import annotations

from dataclasses import asdict

from foundation.settings import to_stored
from trainer.evaluation.online import Evaluator
from trainer.loop.state import TrainState
from trainer.loop.step import StepHook, StepResult
from trainer.models.weights import save_trunk
from trainer.runs.metrics import (
    Metrics,
    MetricsFile,
    Summary,
    append_evaluation,
    measure_label,
    read_metrics,
    summarize,
    truncate_evaluations,
)
from trainer.runs.progress import Progress
from trainer.runs.run import Run
from trainer.runs.tensorboard import TensorBoardWriter
from trainer.settings import RuntimeSettings


class Recorder:
    """The interface of a recorder. This one records nothing: ranks other than the main one use it."""

    step_hook: StepHook | None = None
    """Called inside every step."""

    def add(self, result: StepResult, *, seconds: float, waited: float) -> None:
        """Record the step just done. It took `seconds`, of which the loop waited `waited` for data."""

    def save(self) -> None:
        """Write a checkpoint, unless the newest one is of this step."""

    def finish(self) -> Summary | None:
        """Summarize the run and write its trunk. Returns None if no step was done."""
        return None

    def close(self) -> None:
        """Close the files."""


class RunRecorder(Recorder):
    """Records one run, from the step of its state on."""

    def __init__(
        self, run: Run, state: TrainState, runtime: RuntimeSettings, progress: Progress, evaluator: Evaluator | None
    ) -> None:
        self.run, self.state, self.runtime, self.progress = run, state, runtime, progress
        self._evaluator = evaluator
        self._metrics = MetricsFile(run.metrics_file, state.step)
        truncate_evaluations(run.evaluations_file, state.step)
        self._tensorboard = TensorBoardWriter(run.folder / "tensorboard", state.step) if runtime.tensorboard else None
        if self._tensorboard:
            self.step_hook = self._tensorboard.add_details

    def add(self, result: StepResult, *, seconds: float, waited: float) -> None:
        state = self.state
        metrics = Metrics(
            step=state.step,
            snapshot=state.snapshot,
            position=state.position,
            **asdict(result),
            seconds=seconds,
            waited=waited,
        )
        self._metrics.append(metrics)
        self.progress.show(metrics)
        if self._tensorboard:
            self._tensorboard.add_step(metrics)
        if self._evaluator and state.step % self.runtime.evaluate_every == 0:
            self._evaluate(self._evaluator)
        if state.step % self.runtime.checkpoint_every == 0:
            self.save()

    def _evaluate(self, evaluator: Evaluator) -> None:
        step, values = self.state.step, evaluator(self.state.model)
        append_evaluation(self.run.evaluations_file, {"step": step, **evaluator.about, **values})
        labeled = "  ".join(f"{measure_label(name)} {value:.3f}" for name, value in values.items())
        self.progress.notify(f"step {step}  {labeled}")
        if self._tensorboard:
            self._tensorboard.add_evaluation(step, values)

    def save(self) -> None:
        # The metrics first: a checkpoint must not outlive the lines of its own steps.
        self._metrics.sync()
        self.state.save(self.run.folder)

    def finish(self) -> Summary | None:
        lines = read_metrics(self.run.metrics_file)
        if not lines:
            return None
        summary = summarize(lines, self.run.available_pairs())
        about = {"run": self.run.name, "steps": summary.steps, "pairs": summary.pairs}
        settings = to_stored(self.state.settings)
        save_trunk(self.state.model.exported_trunk(), self.run.trunk_file, {**about, "settings": settings})
        return summary

    def close(self) -> None:
        self._metrics.close()
        if self._tensorboard:
            self._tensorboard.close()
