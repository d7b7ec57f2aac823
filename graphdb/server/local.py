"""The local Neo4j of a data folder: configure, start and stop it.

Its folder, which only its owner can read:

    password        generated once
    ports           where the server listens; chosen once, and again if another program has taken one of them
    process         the process of the running server
    importing       exists while the store is half imported
    conf/ logs/ data/ plugins/ run/     Neo4j's own
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import gettempdir

import psutil
from rich.console import Console

from foundation.files import exclusive_lock, require_free_space, sync_folder, write_private
from graphdb.errors import IncompleteImport, ServerDied, ServerError
from graphdb.server.configuration import Memory, Ports, is_listening, neo4j_conf
from graphdb.server.handshake import server_agent
from graphdb.server.jars import read_lock
from graphdb.server.java import Java
from graphdb.server.process import ServerProcess, is_alive
from graphdb.server.runtime import build_aot_cache_in_background, java_runtime
from graphdb.settings import Connection

USER = "neo4j"
START_SECONDS = 180.0
STOP_SECONDS = 60.0
START_ATTEMPTS = 3
POLL_SECONDS = 0.1
TAIL_LINES = 30
"""Lines of the log that an error shows."""
PORT_TAKEN = "PortBindException"
"""What Neo4j logs if another program listens on its port."""


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a server, running or not."""

    running: bool
    uri: str
    user: str
    password_file: str
    browser: str
    pid: int | None
    version: str
    half_imported: str | None
    """What to do about an incomplete import, if there is one."""


class LocalServer:
    """The server of one `neo4j` folder. Several processes may use it at the same time."""

    def __init__(self, folder: Path, *, console: Console | None = None, java: Java | None = None) -> None:
        # The command line of the server names its folder, which must always be spelled the same way.
        self.folder = folder.resolve()
        self._process = ServerProcess(self.folder)
        self._console = console or Console(stderr=True)
        self._java = java

    def start(self, *, timeout: float = START_SECONDS, for_import: bool = False) -> Connection:
        """Start the server if it is not running, and wait until it answers. It stays running for other commands.

        The first start of a user downloads the jars of the server. `for_import`: start also during an import. Raises
        ServerError, also after `timeout` seconds without an answer, IncompleteImport, DiskNearlyFull, JarError and
        LockTimeout.
        """
        java = self._java
        if self._process.find() is None:
            require_free_space(self.folder)
            # Before the lock is taken, because a download takes a while.
            java = java or java_runtime(self._console)
        with self._exclusive():
            if not for_import:
                self.require_complete_import()
            process = self._process.find()
            if process is None:
                self._start(java or java_runtime(self._console), timeout)
            else:
                self._wait_until_up(process, timeout)
        if process is None and self._java is None:
            build_aot_cache_in_background()
        return self.connection

    def stop(self, *, timeout: float = STOP_SECONDS) -> bool:
        """Stop the server, and kill it after `timeout` seconds. Returns whether one was running.

        After a normal stop the store is clean; after a kill, the next start replays the log of the store. Raises
        LockTimeout.
        """
        if not self.folder.exists():
            return False
        with self._exclusive():
            return self._process.end(timeout)

    def reset(self) -> None:
        """Stop the server and any interrupted import, and delete the store. Password and ports stay.

        Raises LockTimeout.
        """
        store = self.folder / "data"
        if not self.folder.exists():
            return
        with self._exclusive():
            self._process.end(STOP_SECONDS)
            self._process.end_tools()
            if store.exists():
                shutil.rmtree(store)
            self._importing.unlink(missing_ok=True)

    def begin_import(self) -> None:
        """Stop the server. Until `end_import` or `reset`, only the import can start it. Raises LockTimeout."""
        with self._exclusive():
            self._process.end(STOP_SECONDS)
            self._importing.touch()
            sync_folder(self.folder)

    def end_import(self) -> None:
        """Note that the store is complete."""
        self._importing.unlink()

    @property
    def has_store(self) -> bool:
        """Whether the server has run since `reset`, so that there is a store."""
        return (self.folder / "data").exists()

    @property
    def is_half_imported(self) -> bool:
        return self._importing.exists()

    def require_complete_import(self) -> None:
        """Raise IncompleteImport if an import is running, or was interrupted."""
        if self.is_half_imported:
            raise IncompleteImport(self.folder)

    def status(self) -> Status:
        """Return what is known without starting the server."""
        process, ports = self._process.find(), self.ports
        return Status(
            running=process is not None,
            uri=ports.uri,
            user=USER,
            password_file=str(self.folder / "password"),
            browser=ports.browser,
            pid=process.pid if process else None,
            version=version(),
            half_imported=str(IncompleteImport(self.folder)) if self.is_half_imported else None,
        )

    @property
    def connection(self) -> Connection:
        """How to reach the server when it runs. The first call generates its password."""
        path = self.folder / "password"
        if not path.exists():
            # Hexadecimal, because Neo4j's command would read a leading dash as an option.
            write_private(path, secrets.token_hex(16) + "\n")
        return Connection(self.ports.uri, USER, path.read_text().strip(), self.ports.browser)

    @property
    def ports(self) -> Ports:
        """The stored ports, else those that a first start would choose."""
        return self._stored_ports or Ports.free()

    @property
    def _importing(self) -> Path:
        return self.folder / "importing"

    @property
    def _stored_ports(self) -> Ports | None:
        try:
            return Ports(**json.loads((self.folder / "ports").read_text()))
        except FileNotFoundError:
            return None

    @property
    def log(self) -> Path:
        """The output of the server since its last start. Neo4j's own logs of all starts are in the same folder."""
        return self.folder / "logs" / "console.log"

    def log_tail(self) -> str:
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:])
        except FileNotFoundError:
            return ""

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Let one process at a time start or stop the server of a folder."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        doing = f"starting or stopping Neo4j in {self.folder}"
        with exclusive_lock(self.folder / ".lock", START_SECONDS + STOP_SECONDS, doing):
            yield

    def _start(self, java: Java, timeout: float) -> None:
        began = time.monotonic()
        self._print(f"Starting Neo4j {version()} in {self.folder} …")
        for name in ("conf", "logs", "plugins", "run"):
            (self.folder / name).mkdir(exist_ok=True)
        for attempt in range(START_ATTEMPTS):
            try:
                with self._reserved_ports() as ports:
                    self._launch(java, ports, timeout)
                break
            except ServerDied as died:
                # Another program may have taken a port after this process checked it, and may have freed it since.
                taken = PORT_TAKEN in died.log or not self.ports.are_free
                if attempt == START_ATTEMPTS - 1 or not taken:
                    raise
        seconds = time.monotonic() - began
        self._print(f"Neo4j answers at {self.ports.uri} ({seconds:.0f} s). `affinity graph stop` ends it.")

    def _launch(self, java: Java, ports: Ports, timeout: float) -> None:
        memory = Memory.for_machine()
        write_private(self.folder / "conf" / "neo4j.conf", neo4j_conf(ports, memory))
        self._set_password(java)
        process = self._process.remember(java.start_server(self.folder, memory, self.log))
        try:
            self._wait_until_up(process, timeout)
        except BaseException:
            self._process.end(STOP_SECONDS)
            raise

    @contextmanager
    def _reserved_ports(self) -> Iterator[Ports]:
        """Choose ports. Until the server listens on the default ones, no other start of this user chooses them."""
        if self._stored_ports and not self._stored_ports.is_default:
            yield self._choose_ports()
            return
        lock = Path(gettempdir()) / f"affinity-graph-{os.getuid()}.ports.lock"
        with exclusive_lock(lock, START_SECONDS, "starting Neo4j on its default ports"):
            yield self._choose_ports()

    def _choose_ports(self) -> Ports:
        wanted = self._stored_ports or Ports()
        ports = wanted if wanted.are_free else Ports.free()
        if ports != wanted:
            self._print(f"Port {wanted.bolt} or {wanted.http} is taken; Neo4j gets {ports.bolt} and {ports.http}.")
        write_private(self.folder / "ports", json.dumps(asdict(ports)))
        return ports

    def _set_password(self, java: Java) -> None:
        if (self.folder / "data" / "dbms" / "auth.ini").exists():
            return
        if output := java.set_password(self.folder, self.connection.password):
            raise ServerError(f"Neo4j in {self.folder} did not accept its first password. Its output:", output)

    def _wait_until_up(self, process: psutil.Process, timeout: float) -> None:
        """Wait until the server answers a query and serves its Browser. Raises ServerDied and ServerError."""
        deadline = time.monotonic() + timeout
        ports, connection = self.ports, self.connection
        with self._console.status("Waiting for Neo4j …"):
            while not is_up(ports, connection):
                if not is_alive(process):
                    raise ServerDied(f"Neo4j in {self.folder} ended while starting. Its last output:", self.log_tail())
                if time.monotonic() > deadline:
                    raise ServerError(
                        f"Neo4j in {self.folder} did not answer within {timeout:.0f} s. Its last output:",
                        self.log_tail(),
                    )
                time.sleep(POLL_SECONDS)

    def _print(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)


def is_up(ports: Ports, connection: Connection) -> bool:
    # The ports first: a driver takes longer to find out that a connection is refused.
    if not (is_listening(ports.bolt) and is_listening(ports.http)):
        return False
    return server_agent(connection.uri, connection.user, connection.password) is not None


def version() -> str:
    """Return the version of Neo4j in the lock."""
    return next(jar.version for jar in read_lock() if (jar.group, jar.artifact) == ("org.neo4j", "neo4j"))
