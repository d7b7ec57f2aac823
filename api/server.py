"""The process that serves: a socket, uvicorn, and a clean end."""

from __future__ import annotations

import socket
from collections.abc import Callable
from signal import SIGTERM

import uvicorn

from api.app import create_app
from api.errors import PortTaken
from api.settings import ServiceSettings
from graphdb.store import GraphStore

GRACE = 5
"""Seconds beyond the deadline of their own that requests under way have to end when the service is stopped."""
KEEP_ALIVE = 75
"""Seconds that an idle connection is kept: longer than a training step takes."""


def run(settings: ServiceSettings, announce: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM, after which requests under way are finished; `announce` gets the address once
    requests are answered.

    Raises PortTaken, and what opening the graph raises.
    """
    with listen(settings.host, settings.port) as listener:
        # Opened once before uvicorn is: inside it, an error would be a traceback instead of a sentence.
        GraphStore.connect(settings.folder, timeout=settings.query_seconds).close()
        config = uvicorn.Config(
            create_app(settings),
            access_log=False,
            log_level="warning",
            server_header=False,
            ws="none",
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=int(settings.deadline) + GRACE,
        )
        try:
            Announcing(config, lambda: announce(address(listener))).run(sockets=[listener])
        except KeyboardInterrupt:
            pass
        except SystemExit as end:
            # uvicorn raises the signal again that ended it; to be stopped is how a service ends well.
            if end.code != 128 + SIGTERM:
                raise


class Announcing(uvicorn.Server):
    """Says when it has started."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce()


def listen(host: str, port: int) -> socket.socket:
    """A bound socket, not yet listening: nobody connects before there is an answer. Raises PortTaken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named TCP outright: asyncio turns Nagle's algorithm off, which costs 40 ms an answer, only where it sees that.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortTaken(host, port, error.strerror or str(error)) from error
    return listener


def address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
