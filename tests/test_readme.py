"""The README's commands, run in order as a newcomer would, and its Cypher, run on what they made."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphdb.server import LocalServer
from tests.conftest import ROOT, SETTINGS

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(bash|cypher|python)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
LEFT_OUT = ("make test", "make demo", "docker")
STOP = "kill %1"


def script() -> str:
    """All blocks as one shell session; Cypher and Python stand in it where a reader meets them."""
    lines = ["set -eu"]
    for language, text in BLOCKS:
        if language == "bash":
            lines += [line for line in text.splitlines() if not line.startswith(LEFT_OUT)]
        else:
            runner = "-" if language == "python" else "-m tests.readme_cypher"
            lines.append(f"python {runner} <<'END'\n{text}END")
    return "\n".join(lines)


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    LocalServer(tmp_path / "data" / "neo4j").stop()


def test_commands_run_in_order_and_show_what_the_readme_says(data: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    environment |= {"AFFINITY_DATA": str(data), "OMP_NUM_THREADS": "2"}
    # `make install` and the activation lead to the environment that the tests run in.
    here = f'PATH="{Path(sys.executable).parent}:$PATH"\n'
    text = script().replace("make install\nsource .venv/bin/activate\n", here)
    done = subprocess.run(
        ["bash", "-c", f"trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{text}"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1500,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert '"kind"' in done.stdout
    assert "transitive" in done.stdout
    assert (data / "runs" / "first" / "trunk.safetensors").is_file()
