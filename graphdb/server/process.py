"""The process of a server: found again by whoever comes next, never confused with another, ended."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import psutil

from foundation.files import write_private
from graphdb.server.java import SERVER, server_arguments, tool_arguments

CLOCK_SECONDS = 2.0
"""How far two readings of one process's start may lie apart: the system's clock may have been set between them."""
KILL_SECONDS = 30.0


class ServerProcess:
    """Knows the running server of a home folder by a file with its process id and the time that it started."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._file = home / "process"

    def find(self) -> psutil.Process | None:
        """The running server, also where the file was lost, or whoever started the server died before writing it."""
        try:
            known = json.loads(self._file.read_text())
            process = psutil.Process(known["pid"])
            if abs(process.create_time() - known["started"]) < CLOCK_SECONDS and self.owns(process):
                return process
        except (OSError, ValueError, KeyError, TypeError, psutil.Error):
            pass  # no file, not ours to read, or nobody it could mean
        return next(filter(self.owns, psutil.process_iter()), None)

    def owns(self, process: psutil.Process) -> bool:
        """Whether this is a living server of this folder: its id alone may have been given to another process since.

        A process has no command line for its first moments, so one that was just started may not be known yet.
        """
        command = command_line(process)
        return SERVER in command and server_arguments(self.home)[0] in command

    def remember(self, pid: int) -> psutil.Process:
        process = psutil.Process(pid)
        write_private(self._file, json.dumps({"pid": pid, "started": process.create_time()}))
        return process

    def end(self, patience: float) -> bool:
        """Ask the server to end, and kill it after `patience` seconds; whether there was one."""
        process = self.find()
        if process is not None:
            process.terminate()
            try:
                process.wait(patience)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait(KILL_SECONDS)
        self._file.unlink(missing_ok=True)
        return process is not None

    def end_tools(self) -> None:
        """Kill what is left of Neo4j's own tools at work on this folder, whose starter died: an importer, most of all.

        Where the system can, it has ended them already.
        """
        wanted = set(tool_arguments(self.home))
        for process in psutil.process_iter():
            if wanted.issubset(command_line(process)):
                with suppress(psutil.NoSuchProcess):  # it ended just now
                    process.kill()
                    process.wait(KILL_SECONDS)


def command_line(process: psutil.Process) -> list[str]:
    """Its words; none of a process that has ended, or that is not ours to look at."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def is_alive(process: psutil.Process) -> bool:
    """Whether it is still this process, and more than a dead child that nobody has asked about."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
