"""Calls run in threads that do not keep the process from ending."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import weakref

import pytest

from api.client.daemon_executor import DaemonExecutor


class Result:
    """A result that can be referenced weakly."""


def test_results_and_errors_are_returned() -> None:
    def fail() -> None:
        raise LookupError("missing")

    executor = DaemonExecutor(2, name="test")
    assert executor.submit(lambda: 3).result(timeout=30) == 3
    with pytest.raises(LookupError, match="missing"):
        executor.submit(fail).result(timeout=30)
    executor.close(timeout=30)


def test_a_cancelled_call_does_not_run() -> None:
    begin, calls = threading.Event(), list[int]()
    executor = DaemonExecutor(1, name="test")
    executor.submit(begin.wait)
    assert executor.submit(lambda: calls.append(1)).cancel()
    begin.set()
    executor.close(timeout=30)
    assert calls == []


def test_an_idle_thread_keeps_no_result_in_memory() -> None:
    executor = DaemonExecutor(1, name="test")
    result = weakref.ref(executor.submit(Result).result(timeout=30))
    until = time.monotonic() + 30
    while result() is not None and time.monotonic() < until:
        time.sleep(0.001)
    assert result() is None
    executor.close(timeout=30)


def test_a_call_that_hangs_does_not_keep_the_process_from_ending() -> None:
    script = (
        "import time\n"
        "from api.client.daemon_executor import DaemonExecutor\n"
        "executor = DaemonExecutor(1, name='test')\n"
        "executor.submit(lambda: time.sleep(600))\n"
        "executor.close(timeout=0.1)"
    )
    subprocess.run([sys.executable, "-c", script], timeout=60, check=True)
