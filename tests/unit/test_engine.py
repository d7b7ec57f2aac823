"""Workers of this machine: results in any order, and a word about the files when one is killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from ingest.engine import LocalEngine
from ingest.errors import WorkerDied


def length(path: Path) -> int:
    """The length of a name; some names kill who looks at them, some are errors."""
    if path.name == "deadly":
        os.kill(os.getpid(), signal.SIGKILL)
    if path.name == "wrong":
        raise ValueError(path.name)
    return len(path.name)


def test_every_task_comes_back_with_its_result_or_its_error() -> None:
    tasks = [Path("a"), Path("wrong"), Path("abc")]
    with LocalEngine(2) as engine:
        results = dict(engine.map(length, tasks))
    assert (results[tasks[0]], results[tasks[2]]) == (1, 3)
    assert isinstance(results[tasks[1]], ValueError)


def test_a_worker_that_is_killed_is_reported_with_the_files_under_way() -> None:
    with LocalEngine(1) as engine, pytest.raises(WorkerDied, match=r"files under way were .*deadly") as error:
        list(engine.map(length, [Path("a"), Path("videos/deadly")]))
    assert Path("videos/deadly") in error.value.files


def threads(_: int) -> set[int]:
    """How many threads each native library of this process computes with."""
    import numpy as np
    from threadpoolctl import threadpool_info

    assert np.ones((8, 8)) @ np.ones((8, 8)) is not None
    return {library["num_threads"] for library in threadpool_info()}


def test_a_worker_computes_with_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "2")
    with LocalEngine(1) as engine:
        assert [result for _, result in engine.map(threads, [0])] == [{1}]


def test_the_files_under_way_are_told_on_one_line_whatever_their_names() -> None:
    assert "videos/line\\nbreak.mp4" in str(WorkerDied([Path("videos/line\nbreak.mp4")]))
