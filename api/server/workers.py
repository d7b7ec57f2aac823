"""Several processes that answer on one socket: started together, replaced where one dies, ended together."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from api.errors import WorkersFailed

log = logging.getLogger(__name__)


class Workers(Multiprocess):
    """uvicorn's supervisor, which also says when all have started, and which have died."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket, announce: Callable[[], None]) -> None:
        super().__init__(config, [listener])
        self._announce: Callable[[], None] | None = announce

    def serve(self) -> None:
        """Until SIGINT or SIGTERM. Raises WorkersFailed."""
        self.run()
        if any(process.exitcode == STARTUP_FAILURE for process in self.processes):
            raise WorkersFailed

    def keep_subprocess_alive(self) -> None:
        before = [process.pid for process in self.processes]
        super().keep_subprocess_alive()
        for old, process in zip(before, self.processes, strict=True):
            if process.pid != old:
                log.warning("Worker %s of the service died; worker %s takes its place.", old, process.pid)
        if self._announce and all(process.is_ready() for process in self.processes):
            self._announce()
            self._announce = None


def end_with_parent() -> None:
    """In a worker: stop as if told to when the process that started it has died, which can tell nobody any more."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()
