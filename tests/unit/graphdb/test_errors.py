"""`root_cause` finds what first went wrong below an error of a library."""

from __future__ import annotations

import errno
import os

import pytest

from graphdb.errors import root_cause


def caused_by(cause: BaseException) -> Exception:
    try:
        raise RuntimeError("no connection to any of 3 addresses") from cause
    except RuntimeError as error:
        return error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("bad"), "bad"),
        (ValueError(), "ValueError"),
        (caused_by(OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))), "Connection refused"),
        (caused_by(TimeoutError("timed out")), "no answer in time"),
        (caused_by(ExceptionGroup("several", [ValueError("first"), ValueError("second")])), "first"),
    ],
    ids=["itself", "without a text", "of the system", "a timeout", "the first of a group"],
)
def test_root_cause(error: Exception, text: str) -> None:
    assert root_cause(error) == text
