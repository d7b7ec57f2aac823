"""Read from a bare connection, below any HTTP client."""

from __future__ import annotations

import socket


def received_until_closed(connection: socket.socket) -> bytes:
    """Return all bytes that the server sends before it closes the connection."""
    received = b""
    try:
        while more := connection.recv(65536):
            received += more
    except ConnectionResetError:
        pass
    return received
