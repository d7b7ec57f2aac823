"""The commands of the README and of the tutorials, run in order as a newcomer runs them, Cypher and Python included.

Output that a page shows must appear, but numbers, ids and paths may differ: they are those of another machine.
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

TUTORIALS = ROOT / "docs" / "tutorials"
README = ROOT / "README.md"
LEFT_OUT = ("make install", "source .venv", "make test", "make demo")
"""Commands that the tests do not run: the environment is built, and the tests run in it."""
ELLIPSIS = "…"
"""Where a page leaves out the rest of a line, or lines."""

# They take minutes. All of them use port 8477, and the third tutorial goes on with the graph of the first.
pytestmark = pytest.mark.slow


def blocks(page: Path, *languages: str) -> list[tuple[str, str]]:
    """Language and text of the page's fenced blocks of these languages, in order."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    return [(language, text) for language, text in found if language in languages]


def script(page: Path) -> str:
    """All blocks as one shell session; Cypher and Python run where a reader meets them."""
    lines = ["set -eu"]
    for language, text in blocks(page, "bash", "cypher", "python"):
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


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that has the samples, as a checkout has them."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "samples").symlink_to(ROOT / "samples")
    yield folder
    for data in folder.glob("*/neo4j"):
        LocalServer(data).stop()


def run_page(page: Path, checkout: Path) -> str:
    """Run the commands of a page; what they print, on stdout and stderr."""
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    environment |= {"AFFINITY_DATA": str(checkout / "data"), "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    environment |= {"PATH": f"{Path(sys.executable).parent}:{environment['PATH']}", "OMP_NUM_THREADS": "2"}
    assert is_free(8477), "port 8477 is taken: the page's commands would talk to another service"
    with subprocess.Popen(
        ["bash", "-c", script(page)], cwd=checkout, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as shell:  # fmt: skip
        try:
            printed = shell.communicate(timeout=1500)
        finally:
            # The service too, if a command before `kill %1` failed.
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGTERM)
    assert shell.returncode == 0, printed[0][-3000:] + printed[1][-3000:]
    return printed[0] + printed[1]


def test_the_readme_runs_and_shows_what_it_says(checkout: Path) -> None:
    shown = shape(run_page(README, checkout))
    expected = [line for _, text in blocks(README, "text") for line in text.splitlines()]
    assert [line for line in expected if shape(line.partition(ELLIPSIS)[0]) not in shown] == []
    assert (checkout / "children.png").stat().st_size > 10_000
    assert (checkout / "data" / "runs" / "first" / "trunk.safetensors").is_file()


def test_the_tutorial_of_the_first_graph_runs(checkout: Path) -> None:
    run_page(TUTORIALS / "first-graph.md", checkout)
    assert (checkout / "tracks.png").stat().st_size > 10_000
    assert (checkout / "first-graph" / "runs" / "first" / "trunk.safetensors").is_file()


def test_the_tutorial_of_your_own_training_loop_runs(checkout: Path) -> None:
    printed = run_page(TUTORIALS / "your-own-training-loop.md", checkout)
    assert "position 24: loss" in printed and "32 32" in printed


def test_the_tutorial_of_your_own_videos_runs(checkout: Path) -> None:
    run_page(TUTORIALS / "your-own-videos.md", checkout)
    assert (checkout / "own-videos" / "runs" / "own" / "trunk.safetensors").is_file()


def test_every_tutorial_has_a_test() -> None:
    pages = {page.name for page in TUTORIALS.glob("*.md")}
    assert pages == {"first-graph.md", "your-own-training-loop.md", "your-own-videos.md"}
