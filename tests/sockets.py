"""What a server says on a bare connection, below what a client of HTTP would make of it."""

from __future__ import annotations

import socket


def heard(connection: socket.socket) -> bytes:
    """What comes until the server hangs up."""
    said = b""
    try:
        while more := connection.recv(65536):
            said += more
    except ConnectionResetError:
        pass
    return said
