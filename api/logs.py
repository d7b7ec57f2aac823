"""What the service writes to stderr: text for people, or JSON lines for programs. Both name the request."""

from __future__ import annotations

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal
from uuid import uuid4

Format = Literal["text", "json"]

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that is being answered; empty outside of one."""
SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")

requests = logging.getLogger("api.requests")
"""One line for each request, with what there is to say of it as `fields`."""


def id_of(sent: str | None) -> str:
    """The id that a client gave its request, where it may stand in a log; else a new one."""
    return sent if sent and SANE.fullmatch(sent) else uuid4().hex


def configure(format: Format) -> None:
    """Let everything in this process log to stderr in this format. Only JSON has the line for each request."""
    handler = logging.StreamHandler()
    handler.setFormatter(AsJson() if format == "json" else AsText())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    requests.setLevel(logging.INFO if format == "json" else logging.WARNING)


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
