"""Several worker processes on one socket: started together, replaced when they die, stopped together."""

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

from api.errors import ApiError

log = logging.getLogger(__name__)


class Workers(Multiprocess):
    """uvicorn's supervisor, which also calls `announce` when all workers have started, and logs those that died."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket, announce: Callable[[], None]) -> None:
        super().__init__(config, [listener])
        self._announce: Callable[[], None] | None = announce

    def serve(self) -> None:
        """Run until SIGINT or SIGTERM. Raises ApiError if a worker could not start."""
        self.run()
        if any(process.exitcode == STARTUP_FAILURE for process in self.processes):
            raise ApiError("A worker of the service could not start. The lines above, which it wrote, say why.")

    def keep_subprocess_alive(self) -> None:
        before = [process.pid for process in self.processes]
        super().keep_subprocess_alive()
        for old, process in zip(before, self.processes, strict=True):
            if process.pid != old:
                log.warning("Worker %s of the service died. Worker %s replaces it.", old, process.pid)
        if self._announce and all(process.is_ready() for process in self.processes):
            self._announce()
            self._announce = None


def stop_with_parent() -> None:
    """In a worker: send SIGTERM to this process when its parent dies, because a killed parent stops no worker."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()
