"""Graceful shutdown: SIGINT and SIGTERM stop a training between two steps."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class StopRequest:
    """While entered, the first SIGINT or SIGTERM sets `event` and `signum`. A second one has its usual effect."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.signum = 0

    def __enter__(self) -> StopRequest:
        self._before = {number: signal.signal(number, self._handle) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    @property
    def exit_code(self) -> int:
        """The exit code by which shells recognize a signal: 130 for SIGINT, 143 for SIGTERM."""
        return 128 + self.signum

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        self.signum = signum
        self.event.set()
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
