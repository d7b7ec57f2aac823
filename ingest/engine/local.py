"""Where stage functions run: processes of this machine, or Ray. The stages know only `map`."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for_end
from types import TracebackType
from typing import TYPE_CHECKING

from ingest.engine.base import TASKS_PER_WORKER, R, T
from ingest.errors import WorkerDied

if TYPE_CHECKING:
    # A worker sets its number of threads before numpy is loaded, and so before anything that loads it.
    pass


class LocalEngine:
    """A pool of worker processes. Tasks and results are pickled; results come as they are done, in any order."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or available_cores()
        self._pool: ProcessPoolExecutor | None = None

    def map(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[T, R | Exception]]:
        """Each task with its result, or with the exception it ended in. Raises WorkerDied if a process was killed."""
        pool = self._start()
        waiting: dict[Future[R], T] = {}
        remaining = iter(tasks)
        try:
            while True:
                for task in remaining:
                    waiting[pool.submit(function, task)] = task
                    if len(waiting) >= TASKS_PER_WORKER * self.workers:
                        break
                if not waiting:
                    return
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    # The outcome first: where it breaks, the task is still among those under way.
                    result, task = outcome(future), waiting.pop(future)
                    yield task, result
        except BrokenProcessPool as error:
            raise WorkerDied(waiting.values()) from error

    def close(self) -> None:
        """End the workers at once: what they were doing is done again by the next run."""
        if self._pool is not None:
            for process in list(self._pool._processes.values()):
                process.terminate()
            # Waits for the pool's own thread too, which would otherwise trip over closed pipes at exit.
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def __enter__(self) -> LocalEngine:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def _start(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # Spawned, not forked: the driver and the native libraries have threads, which a fork would break.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.workers, mp_context=context, initializer=prepare_worker)
        return self._pool


def available_cores() -> int:
    """The cores that this process may use; the scheduler's answer where there is one, since containers limit it."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def outcome(future: Future[R]) -> R | Exception:
    """The result, or the exception that ended the task; a broken pool is nobody's result."""
    error = future.exception()
    if isinstance(error, Exception) and not isinstance(error, BrokenProcessPool):
        return error
    return future.result()


def prepare_worker() -> None:
    """Leave Ctrl-C to the parent, one thread to each worker, and end with the parent however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    threading.Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait_for_end([parent.sentinel])
    os._exit(1)
