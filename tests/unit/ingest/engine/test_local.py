"""Worker processes of this machine: results, errors, and workers that are killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from ingest.engine.local import LocalEngine
from ingest.errors import WorkerDied


def length(path: Path) -> int:
    """Return the length of a name; "deadly" kills the worker, and "wrong" raises an error."""
    if path.name == "deadly":
        os.kill(os.getpid(), signal.SIGKILL)
    if path.name == "wrong":
        raise ValueError(path.name)
    return len(path.name)


def test_every_task_is_returned_with_its_result_or_its_error() -> None:
    tasks = [Path("a"), Path("wrong"), Path("abc")]
    with LocalEngine(2) as engine:
        results = dict(engine.map(length, tasks))
    assert (results[tasks[0]], results[tasks[2]]) == (1, 3)
    assert isinstance(results[tasks[1]], ValueError)


def test_a_killed_worker_is_reported_with_the_files_in_progress() -> None:
    with LocalEngine(1) as engine, pytest.raises(WorkerDied, match=r"files were in progress: .*deadly") as error:
        list(engine.map(length, [Path("a"), Path("videos/deadly")]))
    assert Path("videos/deadly") in error.value.files


def threads(_: int) -> set[int]:
    """Return the numbers of threads that the native libraries of this process compute with."""
    import numpy as np
    from threadpoolctl import threadpool_info

    assert np.ones((8, 8)) @ np.ones((8, 8)) is not None
    return {library["num_threads"] for library in threadpool_info()}


def test_a_worker_computes_with_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "2")
    with LocalEngine(1) as engine:
        assert [result for _, result in engine.map(threads, [0])] == [{1}]


def process_id(_: int) -> int:
    return os.getpid()


def test_closing_the_engine_ends_its_workers() -> None:
    with LocalEngine(1) as engine:
        [(_, worker)] = engine.map(process_id, [0])
        assert isinstance(worker, int)
        os.kill(worker, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


def test_files_in_progress_are_named_on_one_line() -> None:
    assert "videos/line\\nbreak.mp4" in str(WorkerDied([Path("videos/line\nbreak.mp4")]))
