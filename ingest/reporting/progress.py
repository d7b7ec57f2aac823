"""Show how far mining is: bars for all videos and for each long one, or lines where there is no terminal."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from ingest.errors import shown
from ingest.model import MinedSegment, MiningTask
from ingest.reporting.report import Report, counted

R = TypeVar("R", bound="MinedSegment | Exception")

SECONDS_BETWEEN_LINES = 30.0


class MiningProgress:
    """Counts finished segments, and the tracks in them, of all videos and of each."""

    def __init__(self, report: Report, tasks: Sequence[MiningTask]) -> None:
        self._report = report
        self._total = Counter(task.path for task in tasks)
        self._done: Counter[Path] = Counter()
        self._tracks: Counter[Path] = Counter()
        self._began = self._said = time.monotonic()

    def follow(self, results: Iterable[tuple[MiningTask, R]]) -> Iterator[tuple[MiningTask, R]]:
        """Yield the results, and show the progress."""
        try:
            if self._report.console.is_terminal:
                with self._bars() as bars:
                    yield from self._counted(results, bars)
            else:
                yield from self._counted(results, None)
        finally:
            self._report.seconds["mining"] = time.monotonic() - self._began
        if self._total and not self._report.console.is_terminal:
            self._report.say(f"mining: {len(self._total)} in {self._report.seconds['mining']:.1f} s")

    def line(self) -> str:
        """Describe the progress in one line."""
        whole = sum(self._done[path] == total for path, total in self._total.items())
        parts = [f"{whole} of {counted(len(self._total), 'video')}", counted(self._tracks.total(), "track")]
        parts += [f"{shown(Path(path.name))} {share:.0%}" for path, share in self._in_work()]
        done, total = self._done.total(), self._total.total()
        if done:
            left = (time.monotonic() - self._began) * (total - done) / done
            parts.append(f"about {duration(left)} left")
        return "mining: " + ", ".join(parts)

    def _in_work(self) -> list[tuple[Path, float]]:
        shares = ((path, done / self._total[path]) for path, done in self._done.items())
        return [(path, share) for path, share in shares if share < 1]

    def _counted(self, results: Iterable[tuple[MiningTask, R]], bars: _Bars | None) -> Iterator[tuple[MiningTask, R]]:
        for task, result in results:
            self._done[task.path] += 1
            if isinstance(result, MinedSegment):
                self._tracks[task.path] += len(result.tracks)
            if bars:
                bars.update(task, self._done[task.path], self._tracks)
            elif time.monotonic() - self._said >= SECONDS_BETWEEN_LINES:
                self._said = time.monotonic()
                self._report.say(self.line())
            yield task, result

    @contextmanager
    def _bars(self) -> Iterator[_Bars]:
        columns = (
            TextColumn("{task.description:<24}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[tracks]}"),
            TimeRemainingColumn(compact=True),
        )
        with Progress(*columns, console=self._report.console) as progress:
            yield _Bars(progress, self._total.total())


class _Bars:
    """A bar for all segments, and one for each video of several segments while it is in work."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._all = progress.add_task("mining", total=total, tracks="")
        self._long: dict[Path, TaskID] = {}

    def update(self, task: MiningTask, done: int, tracks: Counter[Path]) -> None:
        self._progress.update(self._all, advance=1, tracks=counted(tracks.total(), "track"))
        if task.segments == 1:
            return
        if task.path not in self._long:
            name = shown(Path(task.path.name))[:24]
            self._long[task.path] = self._progress.add_task(name, total=task.segments, tracks="")
        bar = self._long[task.path]
        self._progress.update(bar, completed=done, tracks=counted(tracks[task.path], "track"))
        if done == task.segments:
            self._progress.remove_task(self._long.pop(task.path))


def duration(seconds: float) -> str:
    """Write a duration in the unit that suits it: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
