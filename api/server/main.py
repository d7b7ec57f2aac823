"""The process that serves: a socket, uvicorn in one worker or several, and a clean end."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from signal import SIGTERM
from tempfile import TemporaryDirectory

import uvicorn
from fastapi import FastAPI

from api import logs, metrics
from api.app import create_app
from api.errors import PortTaken, TlsUnusable
from api.server.protocol import BoundedProtocol
from api.server.workers import Workers, end_with_parent
from api.settings import ServiceSettings
from graphdb.connect import connect
from graphdb.store.graph import GraphStore

GRACE = 5
"""Seconds beyond the deadline of their own that requests under way have to end when the service is stopped."""
KEEP_ALIVE = 75
"""Seconds that an idle connection is kept: longer than a training step takes."""
HEALTHCHECK = 30
"""Seconds without a sign of life after which a worker is replaced."""


def run(settings: ServiceSettings, announce: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM, after which requests under way are finished; `announce` gets the address once
    requests are answered.

    Raises PortTaken, TlsUnusable, WorkersFailed, and what opening the graph raises.
    """
    logs.configure(settings.log_format)
    check_tls(settings.tls_cert, settings.tls_key)
    with listen(settings.host, settings.port) as listener, TemporaryDirectory(prefix="affinity-serve-") as runtime:
        # Opened once before uvicorn is: inside it, an error would be a traceback instead of a sentence.
        connect(settings.folder, GraphStore, timeout=settings.query_seconds).close()
        config = configure(replace(settings, runtime=Path(runtime)))
        at = address(listener, "https" if settings.tls_cert else "http")
        if settings.workers == 1:
            serve_alone(config, listener, lambda: announce(at))
        else:
            os.environ[metrics.FOLDER] = runtime
            Workers(config, listener, lambda: announce(at)).serve()


def configure(settings: ServiceSettings) -> uvicorn.Config:
    """What uvicorn is told; each worker gets a copy of it."""
    return uvicorn.Config(
        partial(begin, settings),
        factory=True,
        workers=settings.workers,
        http=BoundedProtocol,
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        ws="none",
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=int(settings.deadline) + GRACE,
        timeout_worker_healthcheck=HEALTHCHECK,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )


def begin(settings: ServiceSettings) -> FastAPI:
    """The application of the process that calls this."""
    logs.configure(settings.log_format)
    end_with_parent()
    metrics.WORKERS.set(1)
    return create_app(settings)


def serve_alone(config: uvicorn.Config, listener: socket.socket, announce: Callable[[], None]) -> None:
    """Serve in this process."""
    try:
        Announcing(config, announce).run(sockets=[listener])
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


def check_tls(certificate: Path | None, key: Path | None) -> None:
    """Raises TlsUnusable where uvicorn would not be able to speak TLS with these."""
    if certificate is None:
        return
    try:
        # Without a password of its own, OpenSSL would ask for one at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, lambda: "")
    except OSError as error:
        raise TlsUnusable(certificate, key, error.strerror or str(error)) from error


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


def address(listener: socket.socket, scheme: str = "http") -> str:
    host, port = listener.getsockname()[:2]
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
