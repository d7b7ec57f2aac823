"""Find and end the process of a local server, also from a process that did not start it."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import psutil

from foundation.files import write_private
from graphdb.server.java import SERVER, server_arguments, tool_arguments

CLOCK_SECONDS = 2.0
"""How far two readings of the start time of one process may differ: the system clock may be set between them."""
KILL_SECONDS = 30.0
"""Seconds to wait for the end of a process that was killed."""


class ServerProcess:
    """The server process of a home folder. A file in the folder holds its process id and its start time."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._file = home / "process"

    def find(self) -> psutil.Process | None:
        """Return the running server. Finds it also if the file is missing, or was never written."""
        try:
            known = json.loads(self._file.read_text())
            process = psutil.Process(known["pid"])
            if abs(process.create_time() - known["started"]) < CLOCK_SECONDS and self.is_server(process):
                return process
        except (OSError, ValueError, KeyError, TypeError, psutil.Error):
            pass  # no file, no permission to read it, or no such process
        return next(filter(self.is_server, psutil.process_iter()), None)

    def is_server(self, process: psutil.Process) -> bool:
        """Tell whether this process is the server of this folder: another process may have got its id.

        A process has no command line at first, so a server that has just started may not be recognized.
        """
        command = command_line(process)
        return SERVER in command and server_arguments(self.home)[0] in command

    def remember(self, pid: int) -> psutil.Process:
        """Write the file for a server that has just started."""
        process = psutil.Process(pid)
        write_private(self._file, json.dumps({"pid": pid, "started": process.create_time()}))
        return process

    def end(self, timeout: float) -> bool:
        """Ask the server to end, and kill it after `timeout` seconds. Returns whether one was running."""
        process = self.find()
        if process is not None:
            process.terminate()
            try:
                process.wait(timeout)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait(KILL_SECONDS)
        self._file.unlink(missing_ok=True)
        return process is not None

    def end_tools(self) -> None:
        """Kill the tools of Neo4j that still work on this folder although the command that started them died.

        On Linux the system has ended them already (see `end_with_parent`).
        """
        wanted = set(tool_arguments(self.home))
        for process in psutil.process_iter():
            if wanted.issubset(command_line(process)):
                with suppress(psutil.NoSuchProcess):  # it has just ended
                    process.kill()
                    process.wait(KILL_SECONDS)


def command_line(process: psutil.Process) -> list[str]:
    """Return the words of the command line; none if the process has ended, or belongs to another user."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def is_alive(process: psutil.Process) -> bool:
    """Tell whether the process still runs. A child that has ended, but whose status was not read yet, does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
