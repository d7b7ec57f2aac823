"""Jobs that wait for one another, some at a time. What a job gives is kept in a file, and the job is not done again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from time import monotonic
from typing import Any

Result = Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """`do` is given the results of the jobs in `after`, by name, and gives what JSON can hold."""

    name: str
    do: Callable[[Mapping[str, Result]], Result]
    after: Sequence[str] = ()
    alone: bool = False
    """Whether it waits for others that are so, and they for it."""


class Jobs:
    """All jobs of an experiment, and the folder that keeps their results."""

    def __init__(self, folder: Path, jobs: Sequence[Job]) -> None:
        self._folder = folder
        self._jobs = {job.name: job for job in jobs}
        if unknown := {name for job in jobs for name in job.after} - self._jobs.keys():
            raise ValueError(f"jobs wait for {', '.join(sorted(unknown))}, which are not among them")

    def run(self, workers: int) -> dict[str, Result]:
        """Do what is not done yet; the results of all. The first job that fails ends it once the others are through."""
        self._folder.mkdir(parents=True, exist_ok=True)
        order = TopologicalSorter({job.name: job.after for job in self._jobs.values()})
        order.prepare()
        results: dict[str, Result] = {}
        running: dict[Future[Result], str] = {}
        waiting: list[str] = []
        with ThreadPoolExecutor(workers) as pool:
            while order.is_active():
                waiting += order.get_ready()
                for name in self._startable(waiting, running.values(), workers):
                    waiting.remove(name)
                    running[pool.submit(self._do, self._jobs[name], results)] = name
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    name = running.pop(future)
                    results[name] = future.result()
                    order.done(name)
        return results

    def _startable(self, waiting: Sequence[str], running: Iterable[str], workers: int) -> list[str]:
        """Those that may start now, in the order of the jobs."""
        chosen, names = [], set(running)
        for name in [name for name in self._jobs if name in waiting]:
            busy = len(names) >= workers or (self._jobs[name].alone and any(self._jobs[one].alone for one in names))
            if not busy:
                chosen.append(name)
                names.add(name)
        return chosen

    def _do(self, job: Job, results: Mapping[str, Result]) -> Result:
        path = self._folder / f"{job.name}.json"
        if path.exists():
            kept: Result = json.loads(path.read_text())
            return kept
        began = monotonic()
        result = job.do({name: results[name] for name in job.after})
        making = path.with_suffix(".part")
        making.write_text(json.dumps(result, indent=1))
        making.replace(path)
        print(f"{job.name}: {monotonic() - began:.0f} s", flush=True)
        return result
