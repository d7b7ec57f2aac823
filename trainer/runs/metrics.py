"""metrics.jsonl: a line a step.

On resume, lines after the checkpoint go: the steps that led to the weights are the run.
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

ENDS = 20
"""Steps at either end whose mean loss a summary shows."""


LABELS = {
    "ap_dist": "D(a,p)",
    "an_dist": "D(a,n)",
    "aa_dist": "D(A,A')",
    "ab_dist": "D(A,B')",
    "ac_dist": "D(A,C)",
    "knn": "k-NN",
    "knn_top1": "1-NN",
}
"""Mean distances of anchors to positives and to negatives; what evaluations find."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """One step."""

    step: int
    position: int
    """Where the next step's pairs begin."""
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
    """The snapshot that the pairs are of."""
    measures: Mapping[str, float] = field(default_factory=dict)
    """What else the objective tells of a step, such as mean distances; in the file they stand beside the loss."""

    @property
    def images_per_second(self) -> float:
        return self.images / self.seconds


FIELDS = {field.name for field in fields(Metrics)} - {"measures"}


@dataclass(frozen=True, slots=True)
class Summary:
    """A whole run, over all its sittings."""

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
    """The same, as a multiple of all there are."""
    fresh: bool
    """No pair came twice: a kind's pairs repeat only when all have come."""
    images_per_second: float
    waited_share: float
    """Share of the time spent waiting for data."""


class MetricsFile:
    """Appends to the file; opening it cuts what lies after `step`."""

    def __init__(self, path: Path, step: int) -> None:
        kept = [line for line in read_metrics(path) if line.step <= step]
        with atomic_write(path) as file:
            file.writelines(_line(metrics) for metrics in kept)
        self._file = path.open("ab")

    def append(self, metrics: Metrics) -> None:
        self._file.write(_line(metrics))
        self._file.flush()

    def sync(self) -> None:
        """Make the lines durable: a checkpoint must not outlive those of its own steps."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def read_metrics(path: Path) -> list[Metrics]:
    """The lines of a file, up to the first that was cut short by a crash; none where there is no file."""
    metrics: list[Metrics] = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            metrics.append(_read_line(line))
        except (ValueError, TypeError):
            break
    return metrics


def summarize(lines: Sequence[Metrics], available: Mapping[str, int]) -> Summary:
    """What a run came to; `available` says how many pairs of each kind there are. `lines` must not be empty."""
    pairs: Counter[str] = Counter()
    for line in lines:
        pairs.update(line.pairs)
    seconds = sum(line.seconds for line in lines)
    return Summary(
        steps=lines[-1].step,
        loss_first=_mean([line.loss for line in lines[:ENDS]]),
        loss_last=_mean([line.loss for line in lines[-ENDS:]]),
        measures_last={
            name: _mean([line.measures[name] for line in lines[-ENDS:] if name in line.measures])
            for name in lines[-1].measures
        },
        pairs=dict(pairs),
        epochs={kind: count / available[kind] for kind, count in pairs.items()},
        fresh=all(count <= available[kind] for kind, count in pairs.items()),
        images_per_second=sum(line.images for line in lines) / seconds,
        waited_share=sum(line.waited for line in lines) / seconds,
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def label(measure: str) -> str:
    """A measure's name for people."""
    return LABELS.get(measure, measure.replace("_", " "))


def _line(metrics: Metrics) -> bytes:
    content = asdict(metrics)
    return json.dumps(content | content.pop("measures")).encode() + b"\n"


def _read_line(line: str) -> Metrics:
    """What is no field of every step is a measure."""
    content = json.loads(line)
    own = {name: content.pop(name) for name in FIELDS & set(content)}
    return Metrics(**own, measures=content)


def append_evaluation(path: Path, found: Mapping[str, Any]) -> None:
    """Add one, with its `step` in it."""
    with path.open("a") as file:
        file.write(json.dumps(dict(found)) + "\n")


def read_evaluations(path: Path) -> list[dict[str, Any]]:
    """Those of a file, up to the first that was cut short by a crash; none where there is no file."""
    found: list[dict[str, Any]] = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            found.append(json.loads(line))
        except ValueError:
            break
    return found


def cut_evaluations(path: Path, step: int) -> None:
    """Forget those of steps after this one."""
    if path.exists():
        kept = [found for found in read_evaluations(path) if found["step"] <= step]
        with atomic_write(path) as file:
            file.write("".join(f"{json.dumps(found)}\n" for found in kept).encode())
