"""A TCP proxy that does to a connection what networks and dying machines do."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

PIECE = 65_536


@dataclass(frozen=True, eq=False, kw_only=True)
class Fault:
    """What befalls what the server says. Bytes are counted from the client's last words on."""

    delay: float = 0.0
    """Seconds before each piece."""
    piece: int = PIECE
    """Bytes that are passed on at a time."""
    cut_at: int | None = None
    """The connection ends at this byte, as if it were the last one."""
    swallow_at: int | None = None
    """From this byte on nothing passes any more, either way, and nobody is told; a new connection works."""
    dead: bool = False
    """A connection that is made meanwhile is taken, and nothing ever comes of it."""
    flip_at: int | None = None
    """This byte arrives with another bit."""
    swap_at: int | None = None
    """The next 64 bytes, and the 64 after them, arrive in the other order."""
    times: int | None = None
    """How often it strikes before all is well again; None is until it is healed."""


WELL = Fault()
SWAPPED = 64


class FaultyProxy:
    """Listens on a port of its own and passes on to another one. `with` ends it and all that passed through it."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._fault = WELL
        self.struck = 0
        """How often a fault has struck since it began."""
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def fault(self) -> Fault:
        return self._fault

    @fault.setter
    def fault(self, fault: Fault) -> None:
        with self._lock:
            self.struck, self._fault = 0, fault

    def heal(self) -> None:
        """All is well from now on, except on connections that were swallowed."""
        self.fault = WELL

    def __enter__(self) -> FaultyProxy:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for one in (self._listener, *self._open):
            hang_up(one)

    def strike(self) -> bool:
        """Whether the fault is still to strike, which it then does."""
        with self._lock:
            strikes = self._fault.times is None or self.struck < self._fault.times
            self.struck += strikes
            return strikes

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                if not (self._fault.dead and self.strike()):
                    self._join(client)

    def _join(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._to))
        except OSError:
            return hang_up(client)
        self._open.append(server)
        pipe = Pipe(self, client, server)
        for work in (pipe.ask, pipe.answer):
            threading.Thread(target=work, daemon=True).start()


class Pipe:
    """One connection through the proxy."""

    def __init__(self, proxy: FaultyProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._swallowed = False
        self._passed = 0
        """Bytes that came back since the client last said something."""

    def ask(self) -> None:
        """From the client to the server."""
        self._pass_on(self._client, self._server, self._begin)

    def answer(self) -> None:
        """From the server to the client."""
        self._pass_on(self._server, self._client, self._befall)

    def _pass_on(self, source: socket.socket, sink: socket.socket, befall: Callable[[bytes], bytes | None]) -> None:
        try:
            while said := source.recv(self._proxy.fault.piece):
                if (left := befall(said)) is not None:
                    sink.sendall(left)
        except OSError:
            pass  # one side hung up
        if not self._swallowed:
            hang_up(self._client)
            hang_up(self._server)

    def _begin(self, said: bytes) -> bytes | None:
        self._passed = 0
        return None if self._swallowed else said

    def _befall(self, said: bytes) -> bytes | None:
        """What is left of it; None where nothing is. Raises OSError where the connection ends here."""
        if self._swallowed:
            return None
        fault, begin = self._proxy.fault, self._passed
        self._passed += len(said)
        if fault.delay:
            time.sleep(fault.delay)

        def strikes(at: int | None) -> bool:
            return at is not None and begin <= at < self._passed and self._proxy.strike()

        if strikes(fault.swallow_at):
            self._swallowed = True
        if strikes(fault.cut_at):
            self._client.sendall(said[: (fault.cut_at or 0) - begin])
            raise OSError("cut")
        if strikes(fault.flip_at):
            return flipped(said, (fault.flip_at or 0) - begin)
        if strikes(fault.swap_at):
            return swapped(said, (fault.swap_at or 0) - begin)
        return None if self._swallowed else said


def flipped(said: bytes, at: int) -> bytes:
    return said[:at] + bytes([said[at] ^ 1]) + said[at + 1 :]


def swapped(said: bytes, at: int) -> bytes:
    middle, end = at + SWAPPED, at + 2 * SWAPPED
    return said[:at] + said[middle:end] + said[at:middle] + said[end:]


def hang_up(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
