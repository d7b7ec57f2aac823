"""What a person sees of a training: one live line on a terminal, a plain line now and then elsewhere. On stderr."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from trainer.runs.metrics import Metrics, label

SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Shows the steps of a run as they are done."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._bar = Bar(
            TextColumn("step"),
            MofNCompleteColumn(),
            BarColumn(bar_width=20),
            TextColumn("{task.description}"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._task = self._bar.add_task("", total=total)
        self._shown = float("-inf")

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def say(self, text: str) -> None:
        """A sentence that stays."""
        self.console.print(text, markup=False)

    def show(self, metrics: Metrics) -> None:
        """The step just done."""
        text = describe(metrics)
        self._bar.update(self._task, completed=metrics.step, description=text)
        due = time.monotonic() - self._shown >= SECONDS_BETWEEN_LINES or metrics.step == self.total
        if due and not self.console.is_terminal:
            self._shown = time.monotonic()
            self.say(f"step {metrics.step}/{self.total}  {text}")


class NullProgress(Progress):
    """Of the ranks that the first one speaks for."""

    def say(self, text: str) -> None:
        pass

    def show(self, metrics: Metrics) -> None:
        pass


def describe(metrics: Metrics) -> str:
    """One step in words."""
    measures = "".join(f"{label(name)} {value:.3f}  " for name, value in metrics.measures.items())
    return (
        f"loss {metrics.loss:.4f}  {measures}"
        f"{metrics.images_per_second:.0f} images/s  {metrics.waited / metrics.seconds:.1%} waiting"
    )


@contextmanager
def client_reports(say: Callable[[str], None]) -> Iterator[None]:
    """Say what the client reports of a service that does not answer."""
    handler = _Reports(say)
    logger = logging.getLogger("api.client.http")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Reports(logging.Handler):
    """All loaders meet a dead service at once; one line in a while says it for all."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._say = say
        self._said = float("-inf")

    def emit(self, record: logging.LogRecord) -> None:
        if time.monotonic() - self._said >= SECONDS_BETWEEN_LINES:
            self._said = time.monotonic()
            self._say(f"Waiting: {record.getMessage()}")
