"""Progress of a training on stderr: a live line on a terminal, elsewhere a plain line every few seconds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from trainer.runs.metrics import Metrics, measure_label

SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Show the steps of a run."""

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
        self._last_line = float("-inf")

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def notify(self, text: str) -> None:
        """Print a sentence above the live line."""
        self.console.print(text, markup=False)

    def show(self, metrics: Metrics) -> None:
        """Show the step just done."""
        text = step_text(metrics)
        self._bar.update(self._task, completed=metrics.step, description=text)
        due = time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES or metrics.step == self.total
        if due and not self.console.is_terminal:
            self._last_line = time.monotonic()
            self.notify(f"step {metrics.step}/{self.total}  {text}")


class NullProgress(Progress):
    """Print nothing: for all ranks but the main one."""

    def notify(self, text: str) -> None:
        pass

    def show(self, metrics: Metrics) -> None:
        pass


def step_text(metrics: Metrics) -> str:
    """Describe one step in a line."""
    measures = "".join(f"{measure_label(name)} {value:.3f}  " for name, value in metrics.measures.items())
    return (
        f"loss {metrics.loss:.4f}  {measures}"
        f"{metrics.images_per_second:.0f} images/s  {metrics.waited / metrics.seconds:.1%} waiting"
    )


@contextmanager
def client_warnings(notify: Callable[[str], None]) -> Iterator[None]:
    """Pass on the client's warnings about a service that does not answer."""
    handler = _WarningHandler(notify)
    logger = logging.getLogger("api.client.http")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _WarningHandler(logging.Handler):
    """Pass on one warning every few seconds: all loaders meet a dead service at the same time."""

    def __init__(self, notify: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._notify = notify
        self._last_warning = float("-inf")

    def emit(self, record: logging.LogRecord) -> None:
        if time.monotonic() - self._last_warning >= SECONDS_BETWEEN_LINES:
            self._last_warning = time.monotonic()
            self._notify(f"Waiting: {record.getMessage()}")
