"""Where stage functions run: a Ray cluster, of this machine or of many, with the same `map` as the local engine.

Ray gives a task whose worker or machine is lost to another one. A task is given out only while few are under way, so
neither Ray's memory nor ours fills with results that wait to be stored.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import Any, TypeVar

from ingest.engine.base import TASKS_PER_WORKER
from ingest.errors import ClusterUnavailable, MissingRay, NotShared, WorkerDied

T = TypeVar("T")
R = TypeVar("R")

RETRIES = 3
"""Times that a task is given to another worker after its own was killed; one that kills four is to blame itself."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class RayEngine:
    """Ray tasks of one core each. Without an address, a Ray of our own that ends with the engine.

    Raises MissingRay, ClusterUnavailable.
    """

    def __init__(self, address: str | None = None, workers: int | None = None) -> None:
        # Ray reports its use to its makers unless told not to, and must be told before it is imported.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            self._ray: Any = import_module("ray")
        except ModuleNotFoundError as error:
            raise MissingRay from error
        self._address = address or "this machine"
        self._join(address, workers)
        self._ahead = workers or TASKS_PER_WORKER * max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def map(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[T, R | Exception]]:
        """Each task with its result, or with the exception it ended in, in any order.

        Raises WorkerDied for a task that none of several workers survived, ClusterUnavailable where Ray itself fails.
        """
        run = self._ray.remote(num_cpus=1, max_retries=RETRIES)(outcome)
        waiting: dict[Any, T] = {}
        remaining = iter(tasks)
        try:
            while True:
                for task in remaining:
                    waiting[run.remote(function, task)] = task
                    if len(waiting) >= self._ahead:
                        break
                if not waiting:
                    return
                for done in self._ray.wait(list(waiting), num_returns=1)[0]:
                    result = self._result(done, waiting[done])
                    yield waiting.pop(done), result
        finally:
            for unfinished in waiting:
                self._ray.cancel(unfinished, force=True)

    def require_shared(self, folder: Path, paths: Sequence[Path]) -> None:
        """Raises NotShared unless every machine of the cluster sees the same data folder, and the paths."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        folder.mkdir(parents=True, exist_ok=True)
        mark = folder / f".shared-{token_hex(8)}"
        mark.touch()
        try:
            for node in (node for node in self._ray.nodes() if node["Alive"]):
                there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                look = self._ray.remote(num_cpus=0, scheduling_strategy=there)(unseen)
                places = [mark, *(path.absolute() for path in paths)]
                if missing := self._result(look.remote(places), mark):
                    raise NotShared(node["NodeManagerHostname"], folder if missing == mark else missing)
        finally:
            mark.unlink()

    def close(self) -> None:
        """Leave the cluster, and end it if it is our own: what is not done is done again by the next run."""
        self._ray.shutdown()

    def __enter__(self) -> RayEngine:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def _join(self, address: str | None, workers: int | None) -> None:
        # Ray takes SIGTERM for itself; what it means is for the command to say.
        handler = signal.getsignal(signal.SIGTERM)
        own = {"address": "local", "num_cpus": workers, "include_dashboard": False}
        try:
            self._ray.init(
                **({"address": address} if address else own),
                runtime_env={"env_vars": ONE_THREAD},
                log_to_driver=False,
                logging_level="error",
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ClusterUnavailable(self._address, str(error)) from error
        finally:
            signal.signal(signal.SIGTERM, handler)

    def _result(self, reference: Any, task: object) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except (errors.WorkerCrashedError, errors.OutOfMemoryError, errors.NodeDiedError) as error:
            raise WorkerDied([task]) from error
        except errors.RayError as error:
            raise ClusterUnavailable(self._address, (str(error).strip().splitlines() or [repr(error)])[-1]) from error


def outcome(function: Callable[[T], R], task: T) -> R | Exception:
    """In a worker: the result, or the exception that ended the task. Ctrl-C is for the command to hear."""
    try:
        return function(task)
    except Exception as error:
        return error


def unseen(paths: Sequence[Path]) -> Path | None:
    """In a worker: the first path that its machine does not see."""
    return next((path for path in paths if not os.path.lexists(path)), None)
