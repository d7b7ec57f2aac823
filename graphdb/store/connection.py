"""Run the queries of `cypher/` on a Neo4j, and turn errors of the driver into errors of the project."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from functools import partial
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self

from neo4j import READ_ACCESS, Driver, GraphDatabase, ManagedTransaction, NotificationMinimumSeverity, RoutingControl
from neo4j.exceptions import AuthError, ConfigurationError, DriverError, Forbidden, Neo4jError

from foundation.files import require_free_space
from graphdb.errors import GraphAccessDenied, GraphUnavailable
from graphdb.store import queries
from graphdb.store.records import Row

RETRY_SECONDS = 60.0
"""How long a query is repeated at most: a server may restart, or two transactions may collide."""
CONNECT_SECONDS = 10.0
"""How long a server may take to accept a connection."""
WHOLE_GRAPH_SECONDS = 3600.0
"""The timeout of commands with queries that read the whole graph."""
FETCH_SIZE = 10_000
"""Rows that the server sends at a time when a whole graph is read."""
RESTART = (
    "Check that its disk is not full, restart it (`affinity graph stop` ends the local one), and run the same command "
    "again: it continues from what is already stored."
)


class Neo4jConnection:
    """A connection to one database of a Neo4j. Threads may share it; use it as a context manager.

    `database`: None for the home database of the user. `timeout`: the seconds that a query may take; for a server that
    does not answer, the connection waits at most RETRY_SECONDS. `local_folder`: the folder of a local server; writes
    are refused if its disk is nearly full. Raises GraphUnavailable if no server answers.
    """

    def __init__(
        self,
        uri: str,
        user: str,
        password: str,
        *,
        database: str | None = None,
        timeout: float = 60.0,
        local_folder: Path | None = None,
    ) -> None:
        self.uri = uri
        self._database = database
        self._timeout = timeout
        self._local_folder = local_folder
        # Neo4j warns about labels and properties that an empty graph does not have yet.
        logging.getLogger("neo4j.notifications").setLevel(logging.ERROR)
        patience = min(timeout, RETRY_SECONDS)
        self._connect = partial(
            GraphDatabase.driver,
            uri,
            auth=(user, password),
            notifications_min_severity=NotificationMinimumSeverity.OFF,
            connection_timeout=min(patience, CONNECT_SECONDS),
            connection_acquisition_timeout=patience,
            max_transaction_retry_time=patience,
        )
        try:
            self._driver: Driver = self._connect()
        except (ConfigurationError, ValueError) as error:
            raise GraphUnavailable(uri, str(error)) from error

    def reconnect(self) -> None:
        """Drop every connection, and open new ones for later queries. Queries that are running raise GraphUnavailable.

        Without this, the driver waits for two minutes on a connection whose other end disappeared.
        """
        dropped, self._driver = self._driver, self._connect()
        # In a thread, because close() sends a message on each connection, which may block if the other end is dead.
        Thread(target=dropped.close, name="close dropped driver", daemon=True).start()

    def close(self) -> None:
        self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def with_timeout(self, timeout: float) -> Self:
        """Return the same connection with another timeout for its queries. Closing one closes both."""
        other = copy(self)
        other._timeout = timeout
        return other

    def ping(self) -> None:
        """Raise GraphUnavailable if no server answers, or if it refuses the password."""
        try:
            self._read("ping")
        except (DriverError, Neo4jError, OSError) as error:
            raise GraphUnavailable(self.uri, str(error) or type(error).__name__) from error

    def _read(self, name: str, **parameters: Any) -> list[Any]:
        return self._execute(name, parameters, RoutingControl.READ)

    def _write(self, name: str, **parameters: Any) -> list[Any]:
        return self._execute(name, parameters, RoutingControl.WRITE)

    def _execute(self, name: str, parameters: Row, routing: RoutingControl) -> list[Any]:
        """Run one query, again after a transient error, and return its rows."""
        query = queries.query(name, self._timeout)
        if routing is RoutingControl.WRITE:
            self._require_free_space()
        driver = self._driver
        with self._translate_errors():
            try:
                done = driver.execute_query(query, parameters, routing_=routing, database_=self._database)
            except (DriverError, Neo4jError) as error:
                if driver is not self._driver:
                    raise GraphUnavailable(self.uri, "the connection was dropped") from error
                raise
            return list(done.records)

    def _stream(self, name: str, **parameters: Any) -> Iterator[Any]:
        """Yield the rows of a query over a whole graph as they arrive. It has no timeout, and is not repeated."""
        session = self._driver.session(database=self._database, default_access_mode=READ_ACCESS, fetch_size=FETCH_SIZE)
        with self._translate_errors(), session:
            yield from session.run(queries.query(name), parameters)

    def _transact(self, work: Callable[[ManagedTransaction], None]) -> None:
        """Run several queries in one transaction, again after a transient error."""
        self._require_free_space()
        with self._translate_errors(), self._driver.session(database=self._database) as session:
            session.execute_write(work)

    def _require_free_space(self) -> None:
        """Raise DiskNearlyFull if the disk of the local server is nearly full."""
        if self._local_folder:
            require_free_space(self._local_folder)

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Raise GraphUnavailable if the server failed. An error in a query is a bug, and is raised as it is."""
        try:
            yield
        except (DriverError, Neo4jError) as error:
            if isinstance(error, AuthError | Forbidden):
                raise GraphAccessDenied(self.uri, error.message or str(error)) from error
            if isinstance(error, Neo4jError) and (error.code or "").startswith("Neo.DatabaseError.Transaction."):
                reason = error.message or str(error)
                raise GraphUnavailable(self.uri, reason, problem="failed", remedy=RESTART) from error
            if error.is_retryable():
                raise GraphUnavailable(self.uri, str(error)) from error
            raise


def run_query(tx: ManagedTransaction, name: str, **parameters: Any) -> list[Any]:
    return list(tx.run(queries.text(name), parameters))
