"""A local Neo4j of a data folder's own: configured, started, awaited, stopped.

Its folder, readable by its owner only:

    password        generated once
    ports           where it listens, chosen once
    process         the running server: its process id, and when that process started
    conf/ logs/ data/ run/     Neo4j's own
"""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import filelock
import psutil
from rich.console import Console

from graphdb.config import HOST, Memory, Ports, answers, neo4j_conf, write_private
from graphdb.errors import GraphdbError
from graphdb.jars import JarFolder, Registry, cache_folder, read_lock
from graphdb.java import SERVER, Java, server_arguments

USER = "neo4j"
START_SECONDS = 180.0
STOP_SECONDS = 60.0
START_ATTEMPTS = 3
TAIL_LINES = 30


class ServerError(GraphdbError):
    """The local server does not do what it was asked; `log` holds the last lines that it wrote."""

    def __init__(self, message: str, log: str = "") -> None:
        self.log = log
        super().__init__(f"{message}\n{log}" if log else message)


class ServerDied(ServerError):
    """The server ended before it answered."""


class NotOurServer(ServerError):
    """NEO4J_URI names a server that somebody else runs."""

    def __init__(self, uri: str, verb: str) -> None:
        self.uri = uri
        super().__init__(
            f"NEO4J_URI names {uri}: that server is not ours to {verb}. "
            "Unset NEO4J_URI to use the local server of the data folder."
        )


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach a server."""

    uri: str
    user: str
    password: str = field(repr=False)
    browser: str
    """Address of Neo4j Browser."""


@dataclass(frozen=True, slots=True)
class Status:
    """A server, running or not."""

    running: bool
    uri: str
    user: str
    password_file: str
    browser: str
    pid: int | None
    version: str


class LocalServer:
    """The server of one `neo4j` folder. Safe to use from several processes at a time."""

    def __init__(self, folder: Path, *, console: Console | None = None) -> None:
        self.folder = folder.absolute()
        self._console = console or Console(stderr=True)

    def start(self) -> Connection:
        """Attach to the server, after starting it where it is down.

        The first start of a user fetches the server's jars. Raises ServerError, JarsUnavailable and JarMismatch.
        """
        with self._alone():
            process = self._process()
            if process is None:
                return self._start()
            self._wait(process)
            return self.connection

    def stop(self) -> bool:
        """End the server, its store clean; whether one was running. Raises ServerError where it does not end."""
        if not self.folder.exists():
            return False
        with self._alone():
            return self._stop()

    def reset(self) -> None:
        """Stop the server and delete its store; password and ports stay."""
        if not self.folder.exists():
            return
        with self._alone():
            self._stop()
            shutil.rmtree(self.folder / "data", ignore_errors=True)

    def status(self) -> Status:
        """What is known without starting anything."""
        process = self._process()
        return Status(
            running=process is not None,
            uri=f"bolt://{HOST}:{self.ports.bolt}",
            user=USER,
            password_file=str(self.folder / "password"),
            browser=f"http://{HOST}:{self.ports.http}/browser/",
            pid=process.pid if process else None,
            version=version(),
        )

    @property
    def connection(self) -> Connection:
        status = self.status()
        return Connection(status.uri, status.user, self._password(), status.browser)

    @property
    def ports(self) -> Ports:
        """The remembered ports, else those that a first start would choose."""
        try:
            return Ports(**json.loads((self.folder / "ports").read_text()))
        except FileNotFoundError:
            return Ports.free()

    @property
    def log(self) -> Path:
        """What the server of the last start wrote."""
        return self.folder / "logs" / "console.log"

    def log_tail(self) -> str:
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:])
        except OSError:
            return ""

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time starts or stops the server of a folder."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        try:
            with filelock.FileLock(self.folder / ".lock", timeout=START_SECONDS + STOP_SECONDS):
                yield
        except filelock.Timeout as error:
            raise ServerError(
                f"Another process has been starting or stopping the server of {self.folder} for minutes. "
                "End that process and run the command again."
            ) from error

    def _process(self) -> psutil.Process | None:
        """The running server of this folder, also where the file that names it was lost or is out of date."""
        try:
            known = json.loads((self.folder / "process").read_text())
            process = psutil.Process(known["pid"])
            if abs(process.create_time() - known["started"]) < 2 and self._is_ours(process):
                return process
        except (OSError, ValueError, KeyError, psutil.Error):
            pass
        return next((process for process in psutil.process_iter() if self._is_ours(process)), None)

    def _is_ours(self, process: psutil.Process) -> bool:
        """A process id alone may have been given to somebody else since."""
        try:
            command = process.cmdline()
            return SERVER in command and server_arguments(self.folder)[0] in command
        except psutil.Error:
            return False

    def _start(self) -> Connection:
        java = Java(JarFolder(cache_folder() / "jars", read_lock()).complete(Registry(), self._console))
        for name in ("conf", "logs", "plugins", "run"):
            (self.folder / name).mkdir(exist_ok=True)
        began = time.monotonic()
        self._say(f"Starting Neo4j {version()} in {self.folder} …")
        self._set_password(java)
        for attempt in range(START_ATTEMPTS):
            ports = self._choose_ports()
            try:
                self._launch(java, ports)
                break
            except ServerDied:
                if attempt == START_ATTEMPTS - 1 or ports.are_free:
                    raise
                # Somebody took a port between our look and the server's.
        seconds = time.monotonic() - began
        self._say(f"Neo4j answers at {self.connection.uri} ({seconds:.0f} s). `affinity graph stop` ends it.")
        return self.connection

    def _launch(self, java: Java, ports: Ports) -> None:
        memory = Memory.of_machine()
        write_private(self.folder / "conf" / "neo4j.conf", neo4j_conf(ports, memory))
        process = psutil.Process(java.start_server(self.folder, memory, self.log))
        known = {"pid": process.pid, "started": process.create_time()}
        write_private(self.folder / "process", json.dumps(known))
        try:
            self._wait(process)
        except BaseException:
            self._stop()
            raise

    def _choose_ports(self) -> Ports:
        ports = self.ports
        if not ports.are_free:
            ports = Ports.free()
        write_private(self.folder / "ports", json.dumps(asdict(ports)))
        return ports

    def _say(self, words: str) -> None:
        self._console.print(words, highlight=False, soft_wrap=True)

    def _password(self) -> str:
        path = self.folder / "password"
        if not path.exists():
            # Hexadecimal: one that began with a dash would read as an option of Neo4j's command.
            write_private(path, secrets.token_hex(16) + "\n")
        return path.read_text().strip()

    def _set_password(self, java: Java) -> None:
        if (self.folder / "data" / "dbms" / "auth.ini").exists():
            return
        if said := java.set_password(self.folder, self._password()):
            raise ServerError(f"Neo4j in {self.folder} took no first password.", said)

    def _wait(self, process: psutil.Process) -> None:
        """Until the server answers a query and serves its Browser. Raises ServerDied and ServerError."""
        deadline = time.monotonic() + START_SECONDS
        ports, connection = self.ports, self.connection
        with self._console.status("Waiting for Neo4j …"):
            while not _is_up(ports, connection):
                if not self._is_ours(process):
                    raise ServerDied(f"Neo4j in {self.folder} ended while starting. Its last words:", self.log_tail())
                if time.monotonic() > deadline:
                    raise ServerError(
                        f"Neo4j in {self.folder} did not answer within {START_SECONDS:.0f} s. Its last words:",
                        self.log_tail(),
                    )
                time.sleep(0.1)

    def _stop(self) -> bool:
        process = self._process()
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait(STOP_SECONDS)
        (self.folder / "process").unlink(missing_ok=True)
        return process is not None


def _is_up(ports: Ports, connection: Connection) -> bool:
    from graphdb.probe import agent

    # A refused connection costs nothing, a driver some: ask the port first.
    if not (answers(ports.bolt) and answers(ports.http)):
        return False
    return agent(connection.uri, connection.user, connection.password) is not None


def version() -> str:
    """The version of Neo4j that the lock names."""
    return next(jar.version for jar in read_lock() if (jar.group, jar.artifact) == ("org.neo4j", "neo4j"))
