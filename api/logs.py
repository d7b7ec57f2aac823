"""The log of the service on stderr: text for people or JSON lines for programs. Both name the request."""

from __future__ import annotations

import atexit
import json
import logging
import os
import re
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.handlers import QueueHandler
from queue import Full, Queue
from threading import Thread
from typing import Literal
from uuid import uuid4

Format = Literal["text", "json"]

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that is being answered; empty outside of a request."""
VALID_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

STDERR = 2
MAX_WAITING = 10_000
"""Largest number of lines that wait to be written."""
FINISH_SECONDS = 2.0
"""How long a process that ends waits until its last lines are written."""

requests = logging.getLogger("api.requests")
"""One line for each request, with the facts about it in `fields`."""


def request_id_from(header: str | None) -> str:
    """Return the request id that a client sent, if it is safe in a log; otherwise a new one."""
    return header if header and VALID_ID.fullmatch(header) else uuid4().hex


def configure(format: Format) -> None:
    """Send the log of this process to stderr. Only the JSON format has the line for each request."""
    handler = NonBlockingHandler()
    handler.setFormatter(JsonFormatter() if format == "json" else TextFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    requests.setLevel(logging.INFO if format == "json" else logging.WARNING)


class NonBlockingHandler(QueueHandler):
    """Writes to stderr in a thread, so that a slow reader of the log cannot stall requests.

    Lines that do not fit into the queue are dropped. A warning gives their number as soon as there is room again.
    """

    def __init__(self) -> None:
        self.lines: Queue[logging.LogRecord] = Queue(MAX_WAITING)
        self.num_dropped = 0
        super().__init__(self.lines)
        # A daemon that writes to the file descriptor: it would hold the lock of sys.stderr when the process ends.
        Thread(target=self._write, name="log", daemon=True).start()
        atexit.register(self._finish)

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.lines.put_nowait(record)
        except Full:
            self.num_dropped += 1

    def _write(self) -> None:
        while True:
            write_line(self.lines.get().getMessage())
            if self.num_dropped:
                write_line(self.format(self._dropped_warning()))
            self.lines.task_done()

    def _dropped_warning(self) -> logging.LogRecord:
        """Return a warning about the dropped lines, and reset their number."""
        self.acquire()
        num_dropped, self.num_dropped = self.num_dropped, 0
        self.release()
        message = "%d lines of this log were left out: its reader was too slow"
        return logging.LogRecord(__name__, logging.WARNING, __file__, 0, message, (num_dropped,), None)

    def _finish(self) -> None:
        with self.lines.all_tasks_done:
            self.lines.all_tasks_done.wait_for(lambda: not self.lines.unfinished_tasks, FINISH_SECONDS)


def write_line(line: str) -> None:
    """Write the whole line to stderr, unless stderr was closed."""
    data = f"{line}\n".encode("utf-8", "backslashreplace")
    with suppress(OSError):
        while data:
            data = data[os.write(STDERR, data) :]


class TextFormatter(logging.Formatter):
    """The message, then the id of the request."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        id = request_id.get()
        return f"{record.message} [request {id}]" if id else record.message


class JsonFormatter(logging.Formatter):
    """One object a line: time (UTC), level, logger, message, request_id, and the fields of the record."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if id := request_id.get():
            line["request_id"] = id
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
