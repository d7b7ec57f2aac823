"""Each line of the log is one JSON object or one sentence, and names its request."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from contextvars import copy_context
from subprocess import PIPE

import pytest

from api import logs

PROGRAM = """
import logging, sys
from api import logs
logs.configure(sys.argv[1])
logs.request_id.set("mine")
logs.requests.info("GET /v1 200", extra={"fields": {"status": 200, "path": "/\\n"}})
try:
    raise ValueError("two\\nlines")
except ValueError:
    logging.getLogger("api").exception("it failed")
logging.getLogger("other").info("never logged")
"""


def written(format: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, format], capture_output=True, text=True, timeout=60, check=True
    ).stderr


def test_the_json_format_has_one_object_a_line_with_the_fields_of_the_request() -> None:
    request, failure = (json.loads(line) for line in written("json").splitlines())
    assert (request["level"], request["request_id"], request["status"], request["path"]) == ("info", "mine", 200, "/\n")
    assert request["time"].endswith("+00:00")
    assert (failure["level"], failure["message"], failure["request_id"]) == ("error", "it failed", "mine")
    assert "ValueError: two\nlines" in failure["exception"]


def test_the_text_format_has_errors_only_and_names_the_request() -> None:
    first, second, *_ = written("text").splitlines()
    assert first == "it failed [request mine]"
    assert second.startswith("Traceback")


def test_a_line_outside_of_a_request_has_no_request_id(caplog: pytest.LogCaptureFixture) -> None:
    record = logging.LogRecord("api", logging.ERROR, "", 0, "it %s", ("failed",), None)
    assert copy_context().run(logs.TextFormatter().format, record) == "it failed"
    assert "request_id" not in json.loads(logs.JsonFormatter().format(record))


UNREAD_LOG = """
import logging, sys
from api import logs
logs.configure("json")
for number in range(logs.MAX_WAITING + 5_000):
    logging.getLogger("api").error("line %06d %s", number, 60 * "x")
print("not stalled", flush=True)
sys.stdin.readline()
logging.getLogger("api").error("the last")
"""


def test_an_unread_log_does_not_stall_the_process_and_counts_the_lines_left_out() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", UNREAD_LOG], stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True, encoding="utf-8"
    )
    assert process.stdout
    try:
        assert process.stdout.readline() == "not stalled\n"
        _, logged = process.communicate("\n", timeout=60)
    finally:
        process.kill()
    messages = [json.loads(line)["message"] for line in logged.splitlines()]
    left_out = [int(message.split()[0]) for message in messages if "left out" in message]
    lines = [message for message in messages if "left out" not in message]
    assert sum(left_out) + len(lines) == logs.MAX_WAITING + 5_001
    in_order = [line for line in lines if line != "the last"]
    assert in_order == sorted(in_order)
