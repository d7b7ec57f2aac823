"""The README's commands, run in order as a newcomer would, and its Cypher, run on what they made.

What it says that they will see must be there, but for the numbers, which are those of another machine.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from graphdb.server.configuration import is_free
from graphdb.server.local import LocalServer
from tests.conftest import ROOT, SETTINGS

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(bash|cypher|python)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
LEFT_OUT = ("make test", "make demo", "docker")
STOP = "kill %1"
SEEN = re.findall(r"^```text\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
CUT = "…"
"""Where the README leaves out the rest of a line, or lines."""


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


def shape(text: str) -> str:
    """The text without what differs from machine to machine: ids, numbers, the width of columns, the place of files."""
    text = re.sub(r"\b[0-9a-f]{16}\b", "ID", text)
    text = re.sub(r"\d[\d,.]*", "#", text)
    text = re.sub(r"/\S+/", "/", text)
    return re.sub(r"[\s─━]+", " ", text).strip()


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    LocalServer(tmp_path / "data" / "neo4j").stop()


def test_commands_run_in_order_and_show_what_the_readme_says(data: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    environment |= {"AFFINITY_DATA": str(data), "OMP_NUM_THREADS": "2", "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    # `make install` and the activation lead to the environment that the tests run in.
    here = f'PATH="{Path(sys.executable).parent}:$PATH"\n'
    text = script().replace("make install\nsource .venv/bin/activate\n", here)
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "samples").symlink_to(ROOT / "samples")
    assert is_free(8477), "port 8477 is taken: the README's commands would talk to whoever has it"
    with subprocess.Popen(
        ["bash", "-c", text], cwd=checkout, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as shell:  # fmt: skip
        try:
            said = shell.communicate(timeout=1500)
        finally:
            # The service too, where a command before `kill %1` failed.
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGTERM)
    assert shell.returncode == 0, said[0][-3000:] + said[1][-3000:]
    shown = shape(said[0] + said[1])
    assert [line for block in SEEN for line in block.splitlines() if shape(line.partition(CUT)[0]) not in shown] == []
    assert (checkout / "children.png").stat().st_size > 10_000
    assert (data / "runs" / "first" / "trunk.safetensors").is_file()
