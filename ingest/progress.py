"""What a person sees while ingest works: progress bars at a terminal, plain lines elsewhere; always on stderr."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

T = TypeVar("T")


class Report:
    """Says what happens. Notes are kept for the summary: what somebody should know after a long run scrolled by."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self.notes: list[str] = []
        self.seconds: dict[str, float] = {}

    def say(self, text: str) -> None:
        # Lines are not broken: a path in them can be copied.
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """Say it now, and again in the summary."""
        self.notes.append(text)
        self.say(text)

    def stage(self, name: str, items: Iterable[T], total: int) -> Iterator[T]:
        """Hand the items on, showing how far the stage is and noting how long it took."""
        began = time.monotonic()
        try:
            yield from self._bar(name, items, total) if self.console.is_terminal else items
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began
        if total and not self.console.is_terminal:
            self.say(f"{name}: {total} in {self.seconds[name]:.1f} s")

    def _bar(self, name: str, items: Iterable[T], total: int) -> Iterator[T]:
        columns = (
            TextColumn("{task.description:<24}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console) as progress:
            task = progress.add_task(name, total=total)
            for item in items:
                yield item
                progress.advance(task)
