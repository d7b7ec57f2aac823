"""Batches a second over HTTP, beside a static body of the same size in the same run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import urllib3

from tests.conftest import Graph, end, free_port, wait_until_ready
from tests.performance.rates import in_turn, show

PAIRS = 100
ARROW = {"Accept": "application/vnd.apache.arrow.stream"}
STATIC = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
body = open(sys.argv[1], "rb").read()
app = Starlette(routes=[Route("/body", lambda request: Response(body)), Route("/readyz", lambda request: Response())])
uvicorn.run(app, port=int(sys.argv[2]), log_level="error", access_log=False)
"""


@pytest.fixture
def http() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager() as pool:
        yield pool


def test_batches_a_second(world: Graph, service: str, http: urllib3.PoolManager, tmp_path: Path) -> None:
    snapshot = world.store.snapshot("latest").id
    address = f"{service}/v1/snapshots/{snapshot}/triplets?seed=0&negatives=batch&count={PAIRS}"
    body = http.request("GET", f"{address}&position=0", headers=ARROW).data
    (tmp_path / "body").write_bytes(body)
    port = free_port()
    static = subprocess.Popen([sys.executable, "-c", STATIC, str(tmp_path / "body"), str(port)], text=True)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}", static)
        positions = count(0, PAIRS)

        def triplets() -> float:
            answer = http.request("GET", f"{address}&position={next(positions)}", headers=ARROW)
            assert answer.status == 200
            return 1.0

        def plain() -> float:
            assert len(http.request("GET", f"http://127.0.0.1:{port}/body").data) == len(body)
            return 1.0

        rates = in_turn({"static body": plain, "triplets": triplets})
    finally:
        end(static)
    show(f"Service, {PAIRS} pairs a batch, {len(body):,} bytes", "batches/s", rates, base="static body")
