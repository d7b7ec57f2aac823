"""Run jobs that depend on one another, several at a time. Results are kept in files, so a finished job runs once."""

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
    """`run` gets the results of the jobs in `after`, by name, and returns a result that JSON can hold."""

    name: str
    run: Callable[[Mapping[str, Result]], Result]
    after: Sequence[str] = ()
    exclusive: bool = False
    """Of all exclusive jobs, only one runs at a time."""


class Jobs:
    """The jobs of an experiment, and the folder that holds their results."""

    def __init__(self, folder: Path, jobs: Sequence[Job]) -> None:
        self._folder = folder
        self._jobs = {job.name: job for job in jobs}
        if unknown := {name for job in jobs for name in job.after} - self._jobs.keys():
            raise ValueError(f"jobs depend on unknown jobs: {', '.join(sorted(unknown))}")

    def run(self, workers: int) -> dict[str, Result]:
        """Run the jobs that have no result yet; return all results, by name.

        When a job fails, its error is raised after the running jobs have ended. No further job starts.
        """
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
                    running[pool.submit(self._run_once, self._jobs[name], results)] = name
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    name = running.pop(future)
                    results[name] = future.result()
                    order.done(name)
        return results

    def _startable(self, waiting: Sequence[str], running: Iterable[str], workers: int) -> list[str]:
        """Return the waiting jobs that may start now, in the order of the jobs."""
        chosen, names = [], set(running)
        for name in [name for name in self._jobs if name in waiting]:
            busy = len(names) >= workers or (
                self._jobs[name].exclusive and any(self._jobs[other].exclusive for other in names)
            )
            if not busy:
                chosen.append(name)
                names.add(name)
        return chosen

    def _run_once(self, job: Job, results: Mapping[str, Result]) -> Result:
        path = self._folder / f"{job.name}.json"
        if path.exists():
            stored: Result = json.loads(path.read_text())
            return stored
        started = monotonic()
        result = job.run({name: results[name] for name in job.after})
        unfinished = path.with_suffix(".part")
        unfinished.write_text(json.dumps(result, indent=1))
        unfinished.replace(path)
        print(f"{job.name}: {monotonic() - started:.0f} s", flush=True)
        return result
