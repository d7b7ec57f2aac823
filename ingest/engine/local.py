"""The engine that runs tasks in processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for_sentinel
from multiprocessing.context import SpawnContext, SpawnProcess
from types import TracebackType
from typing import Any

from ingest.engine.base import ONE_THREAD, TASKS_PER_WORKER, R, T, run_in_flight
from ingest.errors import WorkerDied

# This module imports no numpy: a worker limits its threads before numpy is loaded.


class LocalEngine:
    """A pool of worker processes. Tasks and results are pickled."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or available_cores()
        self._context = _RecordingContext()
        self._pool: ProcessPoolExecutor | None = None

    def map(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[T, R | Exception]]:
        """Yield each task with its result, or with the exception that ended it, in any order.

        Raises WorkerDied if a process was killed.
        """
        pool = self._start()
        limit = TASKS_PER_WORKER * self.workers
        in_flight: dict[Future[R], T] = {}

        def submit(task: T) -> Future[R]:
            return pool.submit(function, task)

        try:
            for future, task in run_in_flight(tasks, in_flight, limit, submit, _wait_for_any):
                result = _outcome(future)
                yield task, result
        except BrokenProcessPool as error:
            raise WorkerDied(in_flight.values()) from error

    def close(self) -> None:
        """Terminate the workers at once; the next run repeats unfinished tasks."""
        if self._pool is not None:
            self._context.terminate_all()
            # Waits for the pool's own thread too, which could otherwise fail at exit on closed pipes.
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def __enter__(self) -> LocalEngine:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def _start(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self.workers, mp_context=self._context, initializer=_prepare_worker)
        return self._pool


class _RecordingContext(SpawnContext):
    """Starts processes by spawning, and records them: before Python 3.14, a pool cannot terminate its own.

    A fork would not do, because the driver and the native libraries have threads.
    """

    def __init__(self) -> None:
        self._processes: list[SpawnProcess] = []

    def Process(self, *args: Any, **kwargs: Any) -> SpawnProcess:  # type: ignore[override]
        process = SpawnProcess(*args, **kwargs)
        self._processes.append(process)
        return process

    def terminate_all(self) -> None:
        for process in self._processes:
            if process.is_alive():
                process.terminate()
        self._processes.clear()


def available_cores() -> int:
    """Return the number of cores that this process may use: containers can limit it."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _wait_for_any(futures: Collection[Future[R]]) -> Iterable[Future[R]]:
    return wait(futures, return_when=FIRST_COMPLETED).done


def _outcome(future: Future[R]) -> R | Exception:
    """Return the result, or the exception that ended the task. Raises BrokenProcessPool, which no task causes."""
    error = future.exception()
    if isinstance(error, Exception) and not isinstance(error, BrokenProcessPool):
        return error
    return future.result()


def _prepare_worker() -> None:
    """Ignore Ctrl-C, which the parent handles, compute with one thread, and exit when the parent exits."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(ONE_THREAD)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait_for_sentinel([parent.sentinel])
    os._exit(1)
