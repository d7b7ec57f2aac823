"""metrics.jsonl, with one line for each step, and evaluations.jsonl, with one line for each evaluation.

When a run is resumed, lines after its checkpoint are removed: the files hold the steps that led to the weights.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from foundation.files import atomic_write

SUMMARY_STEPS = 20
"""Steps at either end of a run whose mean loss the summary shows."""
LABELS = {
    "ap_dist": "D(a,p)",
    "an_dist": "D(a,n)",
    "aa_dist": "D(A,A')",
    "ab_dist": "D(A,B')",
    "ac_dist": "D(A,C)",
    "knn": "k-NN",
    "knn_top1": "1-NN",
}
"""Labels of the measures for people."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """The metrics of one step. The names of the fields are stored."""

    step: int
    position: int
    """Position of the next step's first pair."""
    loss: float
    images: int
    pairs: Mapping[str, int]
    """Pairs of each kind."""
    seconds: float
    waited: float
    """Seconds of these that the step waited for data."""
    lr: float = 0.0
    grad_norm: float = 0.0
    """Length of the gradient before it was clipped."""
    snapshot: str = ""
    """The snapshot of the pairs."""
    measures: Mapping[str, float] = field(default_factory=dict)
    """Further values of the objective, such as mean distances. In the file they stand beside the loss."""

    @property
    def images_per_second(self) -> float:
        return self.images / self.seconds


FIELDS = {field.name for field in fields(Metrics)} - {"measures"}


@dataclass(frozen=True, slots=True)
class Summary:
    """The metrics of a whole run, over all its sessions."""

    steps: int
    loss_first: float
    """Mean loss of the first 20 steps."""
    loss_last: float
    """Mean loss of the last 20 steps."""
    measures_last: Mapping[str, float]
    """Mean of each measure in the last 20 steps."""
    pairs: Mapping[str, int]
    """Pairs of each kind that were trained on."""
    epochs: Mapping[str, float]
    """The same, divided by the number of pairs that the snapshot has."""
    fresh: bool
    """Whether no pair came twice: a kind's pairs repeat only after all of them have come."""
    images_per_second: float
    waited_share: float
    """Share of the time spent waiting for data."""


class MetricsFile:
    """A file to append to. Opening it removes the lines after `step`."""

    def __init__(self, path: Path, step: int) -> None:
        kept = [line for line in read_metrics(path) if line.step <= step]
        with atomic_write(path) as file:
            file.writelines(_format_line(metrics) for metrics in kept)
        self._file = path.open("ab")

    def append(self, metrics: Metrics) -> None:
        self._file.write(_format_line(metrics))
        self._file.flush()

    def sync(self) -> None:
        """Make the lines durable."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def read_metrics(path: Path) -> list[Metrics]:
    """Read the lines of a file, up to the first that a crash cut short. A missing file has no lines."""
    metrics: list[Metrics] = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            metrics.append(_parse_line(line))
        except (ValueError, TypeError):
            break
    return metrics


def summarize(lines: Sequence[Metrics], available: Mapping[str, int]) -> Summary:
    """Summarize a run of at least one step. `available` counts the pairs of each kind in the snapshot."""
    pairs: Counter[str] = Counter()
    for line in lines:
        pairs.update(line.pairs)
    seconds = sum(line.seconds for line in lines)
    return Summary(
        steps=lines[-1].step,
        loss_first=_mean([line.loss for line in lines[:SUMMARY_STEPS]]),
        loss_last=_mean([line.loss for line in lines[-SUMMARY_STEPS:]]),
        measures_last={
            name: _mean([line.measures[name] for line in lines[-SUMMARY_STEPS:] if name in line.measures])
            for name in lines[-1].measures
        },
        pairs=dict(pairs),
        epochs={kind: count / available[kind] for kind, count in pairs.items()},
        fresh=all(count <= available[kind] for kind, count in pairs.items()),
        images_per_second=sum(line.images for line in lines) / seconds,
        waited_share=sum(line.waited for line in lines) / seconds,
    )


def measure_label(name: str) -> str:
    """Label a measure for people."""
    return LABELS.get(name, name.replace("_", " "))


def append_evaluation(path: Path, evaluation: Mapping[str, Any]) -> None:
    """Append one evaluation, with its `step`."""
    with path.open("a") as file:
        file.write(json.dumps(dict(evaluation)) + "\n")


def read_evaluations(path: Path) -> list[dict[str, Any]]:
    """Read the evaluations of a file, up to the first that a crash cut short. A missing file has none."""
    evaluations: list[dict[str, Any]] = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            evaluations.append(json.loads(line))
        except ValueError:
            break
    return evaluations


def truncate_evaluations(path: Path, step: int) -> None:
    """Remove the evaluations after this step."""
    if path.exists():
        kept = [evaluation for evaluation in read_evaluations(path) if evaluation["step"] <= step]
        with atomic_write(path) as file:
            file.write("".join(f"{json.dumps(evaluation)}\n" for evaluation in kept).encode())


def _format_line(metrics: Metrics) -> bytes:
    content = asdict(metrics)
    return json.dumps(content | content.pop("measures")).encode() + b"\n"


def _parse_line(line: str) -> Metrics:
    """Parse a line. Every name that is not a field of Metrics is a measure."""
    content = json.loads(line)
    own = {name: content.pop(name) for name in FIELDS & set(content)}
    return Metrics(**own, measures=content)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
