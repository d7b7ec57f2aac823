"""A TCP proxy that injects the faults of networks and of machines that die."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

CHUNK = 65_536


@dataclass(frozen=True, eq=False, kw_only=True)
class Fault:
    """A fault in the data from the server. Bytes are counted from the client's last request on."""

    delay: float = 0.0
    """Seconds before each chunk."""
    chunk: int = CHUNK
    """Bytes that are forwarded at a time."""
    cut_at: int | None = None
    """The connection closes at this byte, as if it were the last one."""
    swallow_at: int | None = None
    """From this byte on, data in both directions is dropped, but the connection stays open. New connections work."""
    dead: bool = False
    """New connections are accepted, but never forwarded."""
    flip_at: int | None = None
    """One bit of this byte is flipped."""
    swap_at: int | None = None
    """The next 64 bytes and the 64 after them are swapped."""
    times: int | None = None
    """How often the fault happens; None means until `heal`."""


NO_FAULT = Fault()
SWAP_BYTES = 64


class FaultyProxy:
    """Listens on a port of its own and forwards to another one. Leaving `with` closes it and all its connections."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._fault = NO_FAULT
        self.num_faults = 0
        """How often the present fault has happened."""
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
            self.num_faults, self._fault = 0, fault

    def heal(self) -> None:
        """End the fault, except on connections whose data is already dropped."""
        self.fault = NO_FAULT

    def __enter__(self) -> FaultyProxy:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for one in (self._listener, *self._open):
            close_socket(one)

    def inject(self) -> bool:
        """Count one more fault, and return True; return False if it has happened often enough."""
        with self._lock:
            is_due = self._fault.times is None or self.num_faults < self._fault.times
            self.num_faults += is_due
            return is_due

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                if not (self._fault.dead and self.inject()):
                    self._forward(client)

    def _forward(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            return close_socket(client)
        self._open.append(server)
        pipe = Pipe(self, client, server)
        for work in (pipe.forward_requests, pipe.forward_answers):
            threading.Thread(target=work, daemon=True).start()


class Pipe:
    """One connection through the proxy."""

    def __init__(self, proxy: FaultyProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._is_dropping = False
        self._num_bytes = 0
        """Bytes from the server since the client last sent data."""

    def forward_requests(self) -> None:
        """Forward from the client to the server."""
        self._copy(self._client, self._server, self._begin_request)

    def forward_answers(self) -> None:
        """Forward from the server to the client, with the faults."""
        self._copy(self._server, self._client, self._apply_faults)

    def _copy(self, source: socket.socket, sink: socket.socket, change: Callable[[bytes], bytes | None]) -> None:
        try:
            while data := source.recv(self._proxy.fault.chunk):
                if (changed := change(data)) is not None:
                    sink.sendall(changed)
        except OSError:
            pass  # one side closed the connection
        if not self._is_dropping:
            close_socket(self._client)
            close_socket(self._server)

    def _begin_request(self, data: bytes) -> bytes | None:
        self._num_bytes = 0
        return None if self._is_dropping else data

    def _apply_faults(self, data: bytes) -> bytes | None:
        """Return the data with the fault; None if it is dropped. Raises OSError if the connection must close."""
        if self._is_dropping:
            return None
        fault, begin = self._proxy.fault, self._num_bytes
        self._num_bytes += len(data)
        if fault.delay:
            time.sleep(fault.delay)

        def happens(at: int | None) -> bool:
            return at is not None and begin <= at < self._num_bytes and self._proxy.inject()

        if happens(fault.swallow_at):
            self._is_dropping = True
        if happens(fault.cut_at):
            self._client.sendall(data[: (fault.cut_at or 0) - begin])
            raise OSError("cut")
        if happens(fault.flip_at):
            return flipped(data, (fault.flip_at or 0) - begin)
        if happens(fault.swap_at):
            return swapped(data, (fault.swap_at or 0) - begin)
        return None if self._is_dropping else data


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def swapped(data: bytes, at: int) -> bytes:
    middle, end = at + SWAP_BYTES, at + 2 * SWAP_BYTES
    return data[:at] + data[middle:end] + data[at:middle] + data[end:]


def close_socket(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
