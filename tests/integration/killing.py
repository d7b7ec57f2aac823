"""Kill processes of a full run, and start each one again with the command that started it."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from graphdb.errors import GraphUnavailable
from graphdb.server.process import ServerProcess, is_alive
from graphdb.store.graph import GraphStore
from tests.conftest import end

POLL_SECONDS = 0.02
DYING = """
import os, signal, sys
from affinity.cli import main
from graphdb.store.deletion import RemovalStore

moment = sys.argv.pop(1)
writes_left = int(moment) if moment.isdigit() else -1

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def write(self):
    global writes_left
    if writes_left == 0:
        die()
    writes_left -= 1

RemovalStore._require_free_space = write
if writes_left < 0:
    sys.addaudithook(lambda event, args: die() if event == "os.remove" and str(args[0]).endswith(moment) else None)
main()
"""
"""A program that kills itself with SIGKILL: before the write with a number, or before it deletes a file with a name."""
WORKS_FOR = {"worker": "ingest"}
"""Targets that are child processes of another command."""


@dataclass(frozen=True, slots=True)
class Kill:
    """Kill `target`, `delay` seconds after the stage has reached `progress`, from 0 to 1."""

    progress: float
    target: str
    delay: float


def plan(seed: int, count: int, targets: tuple[str, ...]) -> list[Kill]:
    """Draw kills at random moments of a stage, in order."""
    draw = random.Random(f"{seed} {targets}")
    moments = sorted(draw.random() * 0.95 for _ in range(count))
    return [Kill(moment, draw.choice(targets), draw.random() * 0.4) for moment in moments]


@dataclass
class Supervisor:
    """Restarts the commands of a run that die, in a data folder with its own Neo4j, and kills processes."""

    data: Path
    environment: dict[str, str]
    log: Path
    kills: list[str] = field(default_factory=list)
    """The targets that were killed, in order."""
    seen: set[psutil.Process] = field(default_factory=set)
    """Every process of the commands that was ever seen, with worker processes."""
    restarts: int = 0
    _running: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    _commands: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def start(self, name: str, *arguments: str) -> None:
        """Start `affinity …` under a name. It is restarted until it succeeds."""
        self._commands[name] = arguments
        with self.log.open("ab") as log:
            log.write(f"\n$ affinity {' '.join(arguments)}\n".encode())
            log.flush()
            self._running[name] = subprocess.Popen(
                self._command(arguments), env=self.environment, stdout=log, stderr=log, text=True
            )

    def restart_dead(self) -> None:
        """Restart the commands that have died, after Neo4j."""
        for name, process in list(self._running.items()):
            if process.poll() is not None and (name in self._endless or process.returncode != 0):
                self.restarts += 1
                self.revive_neo4j()
                self.start(name, *self._commands[name])
        self.revive_neo4j()

    _endless = ("serve",)
    """Commands that do not end by themselves."""

    def revive_neo4j(self) -> None:
        if ServerProcess(self.data / "neo4j").find() is None:
            assert self.run("graph", "start") == 0

    def run(self, *arguments: str) -> int:
        """Run `affinity …` to its end, and return its exit status."""
        with self.log.open("ab") as log:
            return subprocess.run(
                self._command(arguments), env=self.environment, stdout=log, stderr=log, timeout=300
            ).returncode

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "affinity", *arguments, "--data", str(self.data)]

    def wait(self, until: Callable[[], bool], seconds: float = 300) -> None:
        deadline = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < deadline, f"waited too long; the output of the commands is in {self.log}"
            self.restart_dead()
            time.sleep(POLL_SECONDS)

    def finish(self, name: str) -> None:
        """Wait until the command has succeeded."""
        self.wait(lambda: self._running[name].poll() == 0)
        del self._running[name]

    def execute(self, kills: list[Kill], progress: Callable[[], float]) -> None:
        """Execute the kills while the stage continues."""
        for kill in kills:
            self.wait(lambda kill=kill: progress() >= kill.progress)  # type: ignore[misc]
            time.sleep(kill.delay)
            self.kill(kill.target)
            self.restart_dead()

    def kill(self, target: str) -> None:
        """Kill a process with SIGKILL, as the kernel does when memory is short."""
        command = WORKS_FOR.get(target, target)
        if command in self._running and self._running[command].poll() is not None:
            # The command has ended in the meantime: start it again, to kill it.
            self.start(command, *self._commands[command])
        self.wait(lambda: bool(self._processes(target)))
        victim = random.Random(len(self.kills)).choice(self._processes(target))
        with suppress(psutil.NoSuchProcess):  # it has just ended, which is as good as killed
            victim.kill()
        if command in self._running and victim.pid == self._running[command].pid:
            self._running[command].wait(30)  # only its Popen may read the exit status of a child
        else:
            # Where another process started it, it stays a zombie until that one ends.
            self.wait(lambda: not is_alive(victim))
        self.kills.append(target)

    def _processes(self, target: str) -> list[psutil.Process]:
        server = ServerProcess(self.data / "neo4j").find()
        if target == "neo4j":
            return [server] if server else []
        process = self._running[WORKS_FOR.get(target, target)]
        if process.poll() is not None:
            return []
        main = psutil.Process(process.pid)
        workers = [child for child in main.children(recursive=True) if child != server]
        self.seen |= {main, *workers}
        return workers if target in WORKS_FOR else [main]

    def close(self) -> None:
        """End the commands, then Neo4j, as a user would."""
        for process in self._running.values():
            end(process)
        assert self.run("graph", "stop") == 0

    def remaining_processes(self) -> list[str]:
        """Return the processes that still use the data folder, and those that were seen before and still run."""
        mine = str(self.data)
        left = [str(process) for process in self.seen if is_alive(process)]
        for process in psutil.process_iter():
            try:
                if process.status() != psutil.STATUS_ZOMBIE and any(mine in word for word in process.cmdline()):
                    left.append(f"{process.pid} {process.cmdline()}")
            except psutil.Error:
                continue
        return left


def killed(moment: str, environment: dict[str, str], *arguments: str) -> bool:
    """Run `affinity …`, and kill it at a moment. Returns whether that moment came.

    `moment`: the number of a write to the graph, or the end of the name of a file that is deleted.
    """
    done = subprocess.run(
        [sys.executable, "-c", DYING, moment, *arguments],
        env=environment | {"PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.returncode == -signal.SIGKILL


def rows_written(store: GraphStore) -> int:
    """Return how many things ingest wrote one by one. 0 while the graph does not answer."""
    try:
        counts = store.counts()
    except GraphUnavailable:
        return 0
    return counts["videos"] + counts["segments"] + counts["parents"] + counts["snapshots"]
