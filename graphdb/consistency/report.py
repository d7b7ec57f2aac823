"""Show a check at a terminal: a progress bar, a table, and a sentence for each finding."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from graphdb.consistency.findings import Finding, Findings


class ProgressMeter:
    """Counts images and bytes that were read, with a progress bar at a terminal. Use it as a context manager."""

    def __init__(self, console: Console, total: int) -> None:
        self._began = time.monotonic()
        self._images = 0
        self._bytes = 0
        columns = (
            TextColumn("images"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task("images", total=total, rate="")

    def advance(self, images: int, size: int) -> None:
        """Count some more images, with `size` bytes in total."""
        self._images += images
        self._bytes += size
        self._progress.update(self._task, advance=images, rate=self.rate)

    @property
    def summary(self) -> str:
        seconds = time.monotonic() - self._began
        return f"{self._images:,} images, {self._bytes / 1e6:,.1f} MB, were read in {seconds:.1f} s."

    @property
    def rate(self) -> str:
        seconds = max(time.monotonic() - self._began, 1e-3)
        return f"{self._images / seconds:,.0f} images/s, {self._bytes / seconds / 1e6:,.0f} MB/s"

    def __enter__(self) -> ProgressMeter:
        self._progress.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._progress.stop()


def show(findings: Findings, console: Console) -> None:
    """Print a table of what was checked, then the findings."""
    table = Table(box=None, pad_edge=False)
    table.add_column("checked")
    table.add_column("number", justify="right")
    table.add_column("problems", justify="right")
    for area in sorted({*findings.checked, *(finding.area for finding in findings.found)}):
        problems = sum(finding.count for finding in findings.found if finding.area == area)
        number = f"{findings.checked[area]:,}" if area in findings.checked else ""
        table.add_row(area, number, f"{problems:,}" if problems else "–")
    console.print(table)
    lines = [*findings.notes, *map(sentence, findings.found), *conclusion(findings)]
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def sentence(finding: Finding) -> str:
    examples = ", ".join(finding.examples) + (", …" if finding.count > len(finding.examples) else "")
    state = "Repaired." if finding.repaired else finding.remedy
    cases = "1 case" if finding.count == 1 else f"{finding.count:,} cases"
    return f"{finding.rule} Not so in {cases}: {examples}. {state}"


def conclusion(findings: Findings) -> list[str]:
    """Return the last line, if anything was checked."""
    left = sum(not finding.repaired for finding in findings.found)
    if not findings.checked:
        return []
    if not findings.found:
        return ["Graph and data folder are sound."]
    if not left:
        return ["All problems were repaired: graph and data folder are sound."]
    return ["1 problem remains." if left == 1 else f"{left} problems remain."]
