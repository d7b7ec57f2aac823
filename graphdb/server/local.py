"""A local Neo4j of a data folder's own: configured, started, awaited, stopped.

Its folder, readable by its owner only:

    password        generated once
    ports           where it listens; chosen once, and again where somebody else has taken one
    process         the running server
    importing       there while the store is half imported
    conf/ logs/ data/ plugins/ run/     Neo4j's own
"""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from rich.console import Console

from foundation.files import alone, require_room, write_private
from graphdb.archive.shards import sync_folder
from graphdb.errors import IncompleteImport, ServerDied, ServerError
from graphdb.server.configuration import Memory, Ports, answers, neo4j_conf
from graphdb.server.jars import read_lock
from graphdb.server.java import Java
from graphdb.server.process import ServerProcess, is_alive
from graphdb.server.runtime import build_aot_cache_in_background, runtime
from graphdb.settings import Connection

USER = "neo4j"
START_SECONDS = 180.0
STOP_SECONDS = 60.0
START_ATTEMPTS = 3
TAIL_LINES = 30
PORT_TAKEN = "PortBindException"
"""What the log of a server holds that could not listen."""


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
    half_imported: str | None
    """What to do about a store that is half imported."""


class LocalServer:
    """The server of one `neo4j` folder. Safe to use from several processes at a time."""

    def __init__(self, folder: Path, *, console: Console | None = None, java: Java | None = None) -> None:
        # The server's command line names its folder, which has to be spelled one way.
        self.folder = folder.resolve()
        self._process = ServerProcess(self.folder)
        self._console = console or Console(stderr=True)
        self._java = java

    def start(self, *, patience: float = START_SECONDS, importing: bool = False) -> Connection:
        """Attach to the server, after starting it where it is down; whoever needs it next finds it running.

        The first start of a user fetches the server's jars. Raises ServerError, as where no answer comes within
        `patience` seconds, IncompleteImport for all but the import itself, DiskNearlyFull, JarsUnavailable,
        JarMismatch and LockTimeout.
        """
        java = self._java
        if self._process.find() is None:
            require_room(self.folder)
            # Before anybody has to wait for us: fetching takes a while.
            java = java or runtime(self._console)
        with self._alone():
            if not importing:
                self.require_whole()
            process = self._process.find()
            if process is None:
                self._start(java or runtime(self._console), patience)
            else:
                self._wait(process, patience)
        if process is None and self._java is None:
            build_aot_cache_in_background()
        return self.connection

    def stop(self, *, patience: float = STOP_SECONDS) -> bool:
        """End the server; whether one was running. One that does not end within `patience` seconds is killed.

        The store is clean afterwards; after a kill, the next start replays its log. Raises LockTimeout.
        """
        if not self.folder.exists():
            return False
        with self._alone():
            return self._process.end(patience)

    def reset(self) -> None:
        """Stop the server, and an import whose starter died, and delete the store; password and ports stay.

        Raises LockTimeout.
        """
        store = self.folder / "data"
        if not self.folder.exists():
            return
        with self._alone():
            self._process.end(STOP_SECONDS)
            self._process.end_tools()
            if store.exists():
                shutil.rmtree(store)
            self._importing.unlink(missing_ok=True)

    def begin_import(self) -> None:
        """Stop the server; until `end_import`, or `reset`, nobody but the import may start it. Raises LockTimeout."""
        with self._alone():
            self._process.end(STOP_SECONDS)
            self._importing.touch()
            sync_folder(self.folder)

    def end_import(self) -> None:
        """The store is whole."""
        self._importing.unlink()

    @property
    def has_store(self) -> bool:
        """Whether there is one to look into: a server that never ran since `reset` has none."""
        return (self.folder / "data").exists()

    @property
    def is_half_imported(self) -> bool:
        return self._importing.exists()

    def require_whole(self) -> None:
        """Raises IncompleteImport."""
        if self.is_half_imported:
            raise IncompleteImport(self.folder)

    def status(self) -> Status:
        """What is known without starting anything."""
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
        """How to reach the server once it runs; its password is generated here, once."""
        path = self.folder / "password"
        if not path.exists():
            # Hexadecimal: one that began with a dash would read as an option of Neo4j's command.
            write_private(path, secrets.token_hex(16) + "\n")
        return Connection(self.ports.uri, USER, path.read_text().strip(), self.ports.browser)

    @property
    def ports(self) -> Ports:
        """The remembered ports, else those that a first start would choose."""
        return self._remembered or Ports.free()

    @property
    def _importing(self) -> Path:
        return self.folder / "importing"

    @property
    def _remembered(self) -> Ports | None:
        try:
            return Ports(**json.loads((self.folder / "ports").read_text()))
        except FileNotFoundError:
            return None

    @property
    def log(self) -> Path:
        """What the server of the last start wrote. Neo4j's own logs, of all starts, lie beside it."""
        return self.folder / "logs" / "console.log"

    def log_tail(self) -> str:
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:])
        except FileNotFoundError:
            return ""

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time starts or stops the server of a folder."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        with alone(self.folder / ".lock", START_SECONDS + STOP_SECONDS, f"starting or stopping Neo4j in {self.folder}"):
            yield

    def _start(self, java: Java, patience: float) -> None:
        began = time.monotonic()
        self._say(f"Starting Neo4j {version()} in {self.folder} …")
        for name in ("conf", "logs", "plugins", "run"):
            (self.folder / name).mkdir(exist_ok=True)
        for attempt in range(START_ATTEMPTS):
            ports = self._choose_ports()
            try:
                self._launch(java, ports, patience)
                break
            except ServerDied as died:
                # Somebody took a port between our look and the server's, and may have left it since.
                taken = PORT_TAKEN in died.log or not ports.are_free
                if attempt == START_ATTEMPTS - 1 or not taken:
                    raise
        seconds = time.monotonic() - began
        self._say(f"Neo4j answers at {ports.uri} ({seconds:.0f} s). `affinity graph stop` ends it.")

    def _launch(self, java: Java, ports: Ports, patience: float) -> None:
        memory = Memory.of_machine()
        write_private(self.folder / "conf" / "neo4j.conf", neo4j_conf(ports, memory))
        self._set_password(java)
        process = self._process.remember(java.start_server(self.folder, memory, self.log))
        try:
            self._wait(process, patience)
        except BaseException:
            self._process.end(STOP_SECONDS)
            raise

    def _choose_ports(self) -> Ports:
        wanted = self._remembered or Ports()
        ports = wanted if wanted.are_free else Ports.free()
        if ports != wanted:
            self._say(f"Port {wanted.bolt} or {wanted.http} is taken; Neo4j gets {ports.bolt} and {ports.http}.")
        write_private(self.folder / "ports", json.dumps(asdict(ports)))
        return ports

    def _set_password(self, java: Java) -> None:
        if (self.folder / "data" / "dbms" / "auth.ini").exists():
            return
        if said := java.set_password(self.folder, self.connection.password):
            raise ServerError(f"Neo4j in {self.folder} took no first password. What it said:", said)

    def _wait(self, process: psutil.Process, patience: float) -> None:
        """Until the server answers a query and serves its Browser. Raises ServerDied and ServerError."""
        deadline = time.monotonic() + patience
        ports, connection = self.ports, self.connection
        with self._console.status("Waiting for Neo4j …"):
            while not is_up(ports, connection):
                if not is_alive(process):
                    raise ServerDied(f"Neo4j in {self.folder} ended while starting. Its last words:", self.log_tail())
                if time.monotonic() > deadline:
                    raise ServerError(
                        f"Neo4j in {self.folder} did not answer within {patience:.0f} s. Its last words:",
                        self.log_tail(),
                    )
                time.sleep(0.1)

    def _say(self, words: str) -> None:
        self._console.print(words, highlight=False, soft_wrap=True)


def is_up(ports: Ports, connection: Connection) -> bool:
    from graphdb.server.handshake import agent

    # A refused connection costs nothing, a driver some: ask the ports first.
    if not (answers(ports.bolt) and answers(ports.http)):
        return False
    return agent(connection.uri, connection.user, connection.password) is not None


def version() -> str:
    """The version of Neo4j that the lock names."""
    return next(jar.version for jar in read_lock() if (jar.group, jar.artifact) == ("org.neo4j", "neo4j"))
