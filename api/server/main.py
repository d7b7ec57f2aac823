"""The server process: a socket, uvicorn with one worker or several, and a clean shutdown."""

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
from api.errors import ApiError
from api.server.protocol import BoundedProtocol
from api.server.workers import Workers, stop_with_parent
from api.settings import ServiceSettings
from graphdb.connect import connect
from graphdb.store.graph import GraphStore

SHUTDOWN_GRACE = 5
"""After a stop, open requests may take this many seconds more than the deadline of the graph."""
KEEP_ALIVE = 75
"""Seconds that an idle connection is kept: longer than a training step takes."""
HEALTHCHECK = 30
"""A worker that does not respond for this many seconds is replaced."""


def run(settings: ServiceSettings, announce: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM, then finish the open requests.

    Calls `announce` with the address as soon as requests are answered. Raises ApiError if the port or the certificate
    cannot be used or a worker cannot start, and what opening the graph raises.
    """
    logs.configure(settings.log_format)
    check_tls(settings.tls_cert, settings.tls_key)
    with listen(settings.host, settings.port) as listener, TemporaryDirectory(prefix="affinity-serve-") as runtime:
        # Open the graph once before uvicorn does: within uvicorn, an error would become a traceback.
        connect(settings.folder, GraphStore, timeout=settings.query_seconds).close()
        config = configure(replace(settings, runtime=Path(runtime)))
        url = address(listener, "https" if settings.tls_cert else "http")
        if settings.workers == 1:
            serve_in_process(config, listener, lambda: announce(url))
        else:
            os.environ[metrics.FOLDER] = runtime
            Workers(config, listener, lambda: announce(url)).serve()


def configure(settings: ServiceSettings) -> uvicorn.Config:
    """Return the configuration of uvicorn. Each worker gets a copy of it."""
    return uvicorn.Config(
        partial(start_app, settings),
        factory=True,
        workers=settings.workers,
        http=BoundedProtocol,
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        ws="none",
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=int(settings.deadline) + SHUTDOWN_GRACE,
        timeout_worker_healthcheck=HEALTHCHECK,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )


def start_app(settings: ServiceSettings) -> FastAPI:
    """In a worker: prepare the process, and return its application."""
    logs.configure(settings.log_format)
    stop_with_parent()
    metrics.WORKERS.set(1)
    return create_app(settings)


def serve_in_process(config: uvicorn.Config, listener: socket.socket, announce: Callable[[], None]) -> None:
    """Serve in this process until SIGINT or SIGTERM."""
    try:
        AnnouncingServer(config, announce).run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    except SystemExit as end:
        # uvicorn raises the signal that stopped it again. A stop is not a failure of the service.
        if end.code != 128 + SIGTERM:
            raise


class AnnouncingServer(uvicorn.Server):
    """Calls `announce` when it has started."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce()


def check_tls(certificate: Path | None, key: Path | None) -> None:
    """Raise ApiError if uvicorn could not use this certificate and its private key for TLS."""
    if certificate is None:
        if key is not None:
            raise ApiError(f"TLS needs a certificate, not the private key {key} alone: add --tls-cert.")
        return
    try:
        # Without a password callback, OpenSSL would ask for the password at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, lambda: "")
    except OSError as error:
        files = f"the certificate {certificate}" + (f" and the key {key}" if key else "")
        raise ApiError(
            f"The service cannot use TLS with {files} ({error.strerror or error}). --tls-cert must name a PEM file "
            "with the certificate and its chain, --tls-key a PEM file with its private key, without a password."
        ) from error


def listen(host: str, port: int) -> socket.socket:
    """Return a bound socket that does not listen yet: no client connects before requests are answered.

    Raises ApiError if the port cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns off Nagle's algorithm, which costs 40 ms an answer, only if the protocol is given as TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ApiError(
            f"The service cannot listen on {host}, port {port} ({error.strerror or error}). "
            "Stop the program that uses the port, or choose another one with --port (0 takes any free port)."
        ) from error
    return listener


def address(listener: socket.socket, scheme: str = "http") -> str:
    """Return the URL of a bound socket."""
    host, port = listener.getsockname()[:2]
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
