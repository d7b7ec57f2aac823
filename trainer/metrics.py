"""metrics.jsonl: a line a step.

On resume, lines after the checkpoint go: the steps that led to the weights are the run.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from trainer.files import write_whole

ENDS = 20
"""Steps at either end whose mean loss a summary shows."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """One step."""

    step: int
    position: int
    """Where the next step's pairs begin."""
    loss: float
    ap_dist: float
    """Mean D(anchor, positive)."""
    an_dist: float
    triplets: int
    images: int
    pairs: Mapping[str, int]
    """Pairs of each kind."""
    seconds: float
    waited: float
    """Seconds of these that the step waited for data."""
    snapshot: str = ""
    """The snapshot that the pairs are of."""

    @property
    def images_per_second(self) -> float:
        return self.images / self.seconds


@dataclass(frozen=True, slots=True)
class Summary:
    """A whole run, over all its sittings."""

    steps: int
    triplets: int
    loss_first: float
    """Mean loss of the first 20 steps."""
    loss_last: float
    """Mean loss of the last 20 steps."""
    ap_dist_last: float
    an_dist_last: float
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
        write_whole(path, lambda file: file.writelines(_line(metrics) for metrics in kept))
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
            metrics.append(Metrics(**json.loads(line)))
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
        triplets=sum(line.triplets for line in lines),
        loss_first=_mean([line.loss for line in lines[:ENDS]]),
        loss_last=_mean([line.loss for line in lines[-ENDS:]]),
        ap_dist_last=_mean([line.ap_dist for line in lines[-ENDS:]]),
        an_dist_last=_mean([line.an_dist for line in lines[-ENDS:]]),
        pairs=dict(pairs),
        epochs={kind: count / available[kind] for kind, count in pairs.items()},
        fresh=all(count <= available[kind] for kind, count in pairs.items()),
        images_per_second=sum(line.images for line in lines) / seconds,
        waited_share=sum(line.waited for line in lines) / seconds,
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _line(metrics: Metrics) -> bytes:
    return json.dumps(asdict(metrics)).encode() + b"\n"
