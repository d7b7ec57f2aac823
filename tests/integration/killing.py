"""One full run, supervised: what dies is started again by the command that started it, as any shell loop would."""

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
import affinity
from graphdb.removing import RemovalStore

moment = sys.argv.pop(1)
left = int(moment) if moment.isdigit() else -1

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def write(self):
    global left
    if left == 0:
        die()
    left -= 1

RemovalStore._require_room = write
if left < 0:
    sys.addaudithook(lambda event, args: die() if event == "os.remove" and str(args[0]).endswith(moment) else None)
affinity.main()
"""
WORKS_FOR = {"worker": "ingest"}
"""Targets that are processes of another command."""


@dataclass(frozen=True, slots=True)
class Kill:
    """`target` is killed `delay` seconds after the stage has come as far as `progress`, from 0 to 1."""

    progress: float
    target: str
    delay: float


def plan(seed: int, count: int, targets: tuple[str, ...]) -> list[Kill]:
    """Kills at random moments of a stage, in order."""
    draw = random.Random(f"{seed} {targets}")
    moments = sorted(draw.random() * 0.95 for _ in range(count))
    return [Kill(moment, draw.choice(targets), draw.random() * 0.4) for moment in moments]


@dataclass
class Supervisor:
    """Keeps the commands of a run alive in a data folder with a Neo4j of its own, and kills what it is told to."""

    data: Path
    environment: dict[str, str]
    log: Path
    said: list[str] = field(default_factory=list)
    """What was killed, in order."""
    seen: set[psutil.Process] = field(default_factory=set)
    """Every process of the commands that was ever looked at, workers included."""
    restarts: int = 0
    _running: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    _commands: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def start(self, name: str, *arguments: str) -> None:
        """`affinity …` under a name, from now on kept alive until it ends well."""
        self._commands[name] = arguments
        with self.log.open("ab") as log:
            log.write(f"\n$ affinity {' '.join(arguments)}\n".encode())
            log.flush()
            self._running[name] = subprocess.Popen(
                self._command(arguments), env=self.environment, stdout=log, stderr=log, text=True
            )

    def tend(self) -> None:
        """Start again what has died, Neo4j first."""
        for name, process in list(self._running.items()):
            if process.poll() is not None and (name in self._lasting or process.returncode != 0):
                self.restarts += 1
                self.revive_neo4j()
                self.start(name, *self._commands[name])
        self.revive_neo4j()

    _lasting = ("serve",)
    """Commands that never end by themselves."""

    def revive_neo4j(self) -> None:
        if ServerProcess(self.data / "neo4j").find() is None:
            assert self.run("graph", "start") == 0

    def run(self, *arguments: str) -> int:
        """`affinity …` to its end; its exit status."""
        with self.log.open("ab") as log:
            return subprocess.run(
                self._command(arguments), env=self.environment, stdout=log, stderr=log, timeout=300
            ).returncode

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "affinity", *arguments, "--data", str(self.data)]

    def wait(self, until: Callable[[], bool], seconds: float = 300) -> None:
        deadline = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < deadline, f"waited too long; {self.log} says what happened"
            self.tend()
            time.sleep(POLL_SECONDS)

    def finish(self, name: str) -> None:
        """Until the command has ended well."""
        self.wait(lambda: self._running[name].poll() == 0)
        del self._running[name]

    def carry_out(self, kills: list[Kill], progress: Callable[[], float]) -> None:
        """Kill as planned, while the stage goes on."""
        for kill in kills:
            self.wait(lambda kill=kill: progress() >= kill.progress)  # type: ignore[misc]
            time.sleep(kill.delay)
            self.kill(kill.target)
            self.tend()

    def kill(self, target: str) -> None:
        """End a process as the kernel does when memory is short."""
        command = WORKS_FOR.get(target, target)
        if command in self._running and self._running[command].poll() is not None:
            # It ended in the meantime: the command is given again, and killed then.
            self.start(command, *self._commands[command])
        self.wait(lambda: bool(self._processes(target)))
        victim = random.Random(len(self.said)).choice(self._processes(target))
        with suppress(psutil.NoSuchProcess):  # it ended just now: as good as killed
            victim.kill()
        if command in self._running and victim.pid == self._running[command].pid:
            self._running[command].wait(30)  # whoever else asks after a child takes its exit status with it
        else:
            victim.wait(30)
        self.said.append(target)

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
        """End the commands, then Neo4j, by the means that a user has."""
        for process in self._running.values():
            end(process)
        assert self.run("graph", "stop") == 0

    def left_over(self) -> list[str]:
        """Processes that still work on the data folder, or did when they were last looked at."""
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
    """`affinity …`, killed by SIGKILL before its write to the graph of this number, or before it deletes a file whose
    name ends so; whether it came to that."""
    done = subprocess.run(
        [sys.executable, "-c", DYING, moment, *arguments],
        env=environment | {"PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.returncode == -signal.SIGKILL


def rows_written(store: GraphStore) -> int:
    """How far ingest has come: everything that it writes one by one. 0 while the graph does not answer."""
    try:
        counts = store.counts()
    except GraphUnavailable:
        return 0
    return counts["videos"] + counts["segments"] + counts["parents"] + counts["snapshots"]
