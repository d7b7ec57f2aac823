"""The commands of the project, as a user types them, on one data folder."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import SETTINGS, command, end, free_port, wait_until_ready

TAIL = 2000
"""Characters of what a command said that are shown when it fails."""


class CommandFailed(Exception):
    """A command of the project ended with an error."""


@dataclass(frozen=True)
class Affinity:
    """`affinity …` with a data folder and, for its own Neo4j, nothing else of the environment."""

    data: Path
    logs: Path
    url: str | None = None

    def run(self, log: str, *arguments: str, accept: tuple[int, ...] = (0,)) -> str:
        """A command to its end; what it printed. What it said lies in `logs`."""
        self.logs.mkdir(parents=True, exist_ok=True)
        path = self.logs / f"{log}.log"
        with path.open("w") as said:
            done = subprocess.run(
                command(arguments), env=self._environment(), stdout=subprocess.PIPE, stderr=said, text=True
            )
        if done.returncode not in accept:
            raise CommandFailed(f"affinity {' '.join(arguments)}\n{path.read_text()[-TAIL:]}\n{path} has all of it.")
        return done.stdout

    def json(self, log: str, *arguments: str, accept: tuple[int, ...] = (0,)) -> dict[str, Any]:
        """What `affinity … --json` prints."""
        printed: dict[str, Any] = json.loads(self.run(log, *arguments, "--json", accept=accept))
        return printed

    @contextmanager
    def graph(self) -> Iterator[None]:
        """Ends the data folder's own Neo4j with the block, whatever came of it."""
        try:
            yield
        finally:
            self.run("stop", "graph", "stop")

    @contextmanager
    def service(self) -> Iterator[Affinity]:
        """The same with a live service, ended with the block."""
        port = free_port()
        self.logs.mkdir(parents=True, exist_ok=True)
        url = f"http://127.0.0.1:{port}"
        with (self.logs / "serve.log").open("w") as said:
            process = subprocess.Popen(
                command(["serve", "--port", str(port)]),
                env=self._environment(),
                stdout=said,
                stderr=said,
                text=True,
            )
            try:
                wait_until_ready(url, process)
                yield Affinity(self.data, self.logs, url)
            finally:
                end(process)

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in SETTINGS}
        return kept | {"AFFINITY_DATA": str(self.data), "OMP_NUM_THREADS": "1"}
