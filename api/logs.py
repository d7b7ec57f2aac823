"""What the service writes to stderr: text for people, or JSON lines for programs. Both name the request."""

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
"""The id of the request that is being answered; empty outside of one."""
SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")

STDERR = 2
WAITING = 10_000
"""Lines that wait to be written, at most."""
FINISH_SECONDS = 2.0
"""How long a process that ends waits for its last lines."""

requests = logging.getLogger("api.requests")
"""One line for each request, with what there is to say of it as `fields`."""


def id_of(sent: str | None) -> str:
    """The id that a client gave its request, where it may stand in a log; else a new one."""
    return sent if sent and SANE.fullmatch(sent) else uuid4().hex


def configure(format: Format) -> None:
    """Let everything in this process log to stderr in this format. Only JSON has the line for each request."""
    handler = NonBlockingHandler()
    handler.setFormatter(AsJson() if format == "json" else AsText())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    requests.setLevel(logging.INFO if format == "json" else logging.WARNING)


class NonBlockingHandler(QueueHandler):
    """Has a thread write to stderr: the service never waits for who reads its log slowly, or has stopped reading.

    Lines that find no room among those that wait are left out; how many is said as soon as there is room.
    """

    def __init__(self) -> None:
        self.lines: Queue[logging.LogRecord] = Queue(WAITING)
        self.lost = 0
        super().__init__(self.lines)
        # A daemon, and past Python's own buffer, whose lock it would hold at the end.
        Thread(target=self._write, name="log", daemon=True).start()
        atexit.register(self._finish)

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.lines.put_nowait(record)
        except Full:
            self.lost += 1

    def _write(self) -> None:
        while True:
            write_all(self.lines.get().getMessage())
            if self.lost:
                write_all(self.format(self._note()))
            self.lines.task_done()

    def _note(self) -> logging.LogRecord:
        """What is missing so far; from here on it is counted anew."""
        self.acquire()
        lost, self.lost = self.lost, 0
        self.release()
        said = "%d lines of this log were left out, as nobody read them"
        return logging.LogRecord(__name__, logging.WARNING, __file__, 0, said, (lost,), None)

    def _finish(self) -> None:
        with self.lines.all_tasks_done:
            self.lines.all_tasks_done.wait_for(lambda: not self.lines.unfinished_tasks, FINISH_SECONDS)


def write_all(line: str) -> None:
    """To stderr, whole, if there is still somebody to read it."""
    data = f"{line}\n".encode("utf-8", "backslashreplace")
    with suppress(OSError):
        while data:
            data = data[os.write(STDERR, data) :]


class AsText(logging.Formatter):
    """The message, after it the request that it is about."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        id = request_id.get()
        return f"{record.message} [request {id}]" if id else record.message


class AsJson(logging.Formatter):
    """One object a line: time (UTC), level, logger, message, request_id, and the fields of the record."""

    def format(self, record: logging.LogRecord) -> str:
        said = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if id := request_id.get():
            said["request_id"] = id
        said |= getattr(record, "fields", {})
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return json.dumps(said, default=str)
