"""The engine that runs tasks on a Ray cluster, of one machine or many.

When a worker or a machine is lost, Ray gives its tasks to another one. Tasks are submitted only while few are in
flight, so that waiting results fill neither Ray's memory nor ours.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import Any

from ingest.engine.base import ONE_THREAD, TASKS_PER_WORKER, R, T, run_in_flight
from ingest.errors import IngestError, WorkerDied, shown

RETRIES = 3
"""How often a task is given to another worker after its worker was killed; then the task itself is the likely cause."""


class RayEngine:
    """Runs Ray tasks of one core each. Without an address, it starts a Ray of its own, and stops it at the end.

    Raises IngestError where Ray is not installed, or the cluster cannot be used.
    """

    def __init__(self, address: str | None = None, workers: int | None = None) -> None:
        # By default, Ray sends usage statistics to its makers. This must be set before the import.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            self._ray: Any = import_module("ray")
        except ModuleNotFoundError as error:
            message = "The engine ray needs Ray, which is not installed: pip install 'affinity-graph[ingest,ray]'."
            raise IngestError(message) from error
        self._address = address or "this machine"
        self._join(address, workers)
        cores = max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        # A Ray of our own has `workers` cores. On a cluster that we join, only the tasks in flight limit our workers.
        self._limit = workers if address and workers else TASKS_PER_WORKER * cores

    def map(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[T, R | Exception]]:
        """Yield each task with its result, or with the exception that ended it, in any order.

        Raises WorkerDied for a task that killed several workers, and IngestError where Ray itself fails.
        """
        submit = partial(self._ray.remote(num_cpus=1, max_retries=RETRIES)(outcome).remote, function)
        in_flight: dict[Any, T] = {}
        try:
            for reference, task in run_in_flight(tasks, in_flight, self._limit, submit, self._wait_for_any):
                yield task, self._result(reference, task)
        finally:
            for unfinished in in_flight:
                self._ray.cancel(unfinished, force=True)

    def require_shared(self, folder: Path, paths: Sequence[Path]) -> None:
        """Raise IngestError unless every machine of the cluster sees the same data folder, and the paths."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        folder.mkdir(parents=True, exist_ok=True)
        marker = folder / f".shared-{token_hex(8)}"
        marker.touch()
        needed = [marker, *(path.absolute() for path in paths)]
        try:
            for node in (node for node in self._ray.nodes() if node["Alive"]):
                on_node = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                search = self._ray.remote(num_cpus=0, scheduling_strategy=on_node)(first_missing)
                if missing := self._result(search.remote(needed), marker):
                    raise IngestError(
                        f"The machine {node['NodeManagerHostname']} of the Ray cluster does not see "
                        f"{shown(folder if missing == marker else missing)}. Videos and data folder must lie on a file "
                        "system that all machines share, under the same path."
                    )
        finally:
            marker.unlink()

    def close(self) -> None:
        """Leave the cluster, and stop it if it is our own; the next run repeats unfinished tasks."""
        self._ray.shutdown()

    def __enter__(self) -> RayEngine:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def _join(self, address: str | None, workers: int | None) -> None:
        # Ray replaces the handler of SIGTERM, which the command sets.
        handler = signal.getsignal(signal.SIGTERM)
        own = {"address": "local", "num_cpus": workers, "include_dashboard": False}
        try:
            self._ray.init(
                **({"address": address} if address else own),
                runtime_env={"env_vars": ONE_THREAD},
                log_to_driver=False,
                logging_level="error",
            )
        except Exception as error:  # where a machine does not answer in time, Ray raises a bare Exception
            raise self._unusable(str(error)) from error
        finally:
            signal.signal(signal.SIGTERM, handler)

    def _wait_for_any(self, references: Collection[Any]) -> Iterable[Any]:
        done: list[Any] = self._ray.wait(list(references), num_returns=1)[0]
        return done

    def _result(self, reference: Any, task: object) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except (errors.WorkerCrashedError, errors.OutOfMemoryError, errors.NodeDiedError) as error:
            raise WorkerDied([task]) from error
        except errors.RayError as error:
            raise self._unusable((str(error).strip().splitlines() or [repr(error)])[-1]) from error

    def _unusable(self, reason: str) -> IngestError:
        return IngestError(
            f"The Ray cluster at {self._address} cannot be used: {reason.rstrip('.')}. Check with `ray status` that it "
            "runs, and that all its machines have the same versions of Python, Ray and affinity-graph[ingest,ray]. "
            "What was stored is kept: run the same command again to go on."
        )


def outcome(function: Callable[[T], R], task: T) -> R | Exception:
    """Run the task in a worker; return its result, or the exception that ended it."""
    try:
        return function(task)
    except Exception as error:
        return error


def first_missing(paths: Sequence[Path]) -> Path | None:
    """Return the first path that does not exist on the worker's machine."""
    return next((path for path in paths if not os.path.lexists(path)), None)
