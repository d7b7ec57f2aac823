"""The service does what its OpenAPI description promises, for any request. `make fuzz` sends more requests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

EXAMPLES = os.environ.get("AFFINITY_FUZZ_EXAMPLES") or "3"
"""Requests that are generated for each operation, in each of three phases."""


def test_the_service_does_what_its_description_promises(service: str, tmp_path: Path) -> None:
    """No request causes a server error; every status, header and body is as described, and links lead to requests."""
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{service}/openapi.json", "--no-color"),
        *("--max-examples", EXAMPLES, "--generation-deterministic", "--continue-on-failure"),
        # A valid query may still be refused: there may be no such snapshot, or no such pairs.
        *("--checks", "all", "--exclude-checks", "positive_data_acceptance", "--suppress-health-check", "all"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600, cwd=tmp_path)
    print(done.stdout[-20_000:])
    assert done.returncode == 0, done.stdout[-20_000:]
    tested = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert tested and tested[1] == tested[2]
    assert re.search(r"Tested: 14\b", done.stdout)
    assert "Stateful" in done.stdout
