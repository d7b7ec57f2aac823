"""Run the commands of the project on one data folder, as a user does."""

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

LOG_TAIL = 2000
"""Characters at the end of a log that the error of a failed command shows."""


class CommandFailed(Exception):
    """A command of the project ended with an error."""


@dataclass(frozen=True)
class Affinity:
    """The `affinity` command for one data folder and its local Neo4j. Other settings in the environment are ignored."""

    data: Path
    logs: Path
    url: str | None = None

    def run(self, log: str, *arguments: str, accept: tuple[int, ...] = (0,)) -> str:
        """Run a command; return its standard output. Its standard error goes to a file in `logs`.

        Raises CommandFailed for an exit status that is not in `accept`.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        path = self.logs / f"{log}.log"
        with path.open("w") as stderr:
            done = subprocess.run(
                command(arguments), env=self._environment(), stdout=subprocess.PIPE, stderr=stderr, text=True
            )
        if done.returncode not in accept:
            raise CommandFailed(
                f"affinity {' '.join(arguments)}\n{path.read_text()[-LOG_TAIL:]}\n{path} holds the whole log."
            )
        return done.stdout

    def json(self, log: str, *arguments: str, accept: tuple[int, ...] = (0,)) -> dict[str, Any]:
        """Run a command with `--json`; return the parsed output."""
        printed: dict[str, Any] = json.loads(self.run(log, *arguments, "--json", accept=accept))
        return printed

    @contextmanager
    def stopping_neo4j(self) -> Iterator[None]:
        """Stop the local Neo4j of the data folder when the block ends, also after an error."""
        try:
            yield
        finally:
            self.run("stop", "graph", "stop")

    @contextmanager
    def service(self) -> Iterator[Affinity]:
        """Start a service; yield the command with its URL. The service ends with the block."""
        port = free_port()
        self.logs.mkdir(parents=True, exist_ok=True)
        url = f"http://127.0.0.1:{port}"
        with (self.logs / "serve.log").open("w") as stderr:
            process = subprocess.Popen(
                command(["serve", "--port", str(port)]),
                env=self._environment(),
                stdout=stderr,
                stderr=stderr,
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
