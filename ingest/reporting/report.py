"""What ingest tells the user: progress and notes on stderr while it works, and a summary at the end."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    pass

T = TypeVar("T")

MAX_NAMED = 10
"""Videos without a track that the summary names: there may be thousands."""


class Report:
    """Prints messages and progress: bars in a terminal, lines elsewhere. Keeps notes, and the seconds of each stage."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self.notes: list[str] = []
        self.seconds: dict[str, float] = {}

    def say(self, text: str) -> None:
        # Long lines are not wrapped, so that a path in them can be copied.
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """Print a result that the user should know of, and keep it for the summary in JSON."""
        self.notes.append(text)
        self.say(f"note: {text}")

    def stage(self, name: str, items: Iterable[T], total: int) -> Iterator[T]:
        """Yield the items, and show the progress and the duration of the stage."""
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


def counted(number: int, thing: str, plural: str | None = None) -> str:
    """Write a number with its noun: `1 video`, `2 videos`."""
    return f"{number:,} {thing if number == 1 else plural or thing + 's'}"
