"""Neo4jConnection: a connection to a Neo4j that runs the queries of `cypher/`, and says in words what went wrong."""

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

from foundation.files import require_room
from graphdb.errors import GraphAccessDenied, GraphBroken, GraphUnavailable
from graphdb.store import queries
from graphdb.store.records import Row

RETRY_SECONDS = 60.0
"""How long a query is tried again at most: a server went away, or two transactions were in each other's way."""
CONNECT_SECONDS = 10.0
"""How long a server may take to let us in."""
FETCHED = 10_000
"""Rows that a server sends at a time where a whole graph is read."""


class Neo4jConnection:
    """A Neo4j and one database of it. Safe to share between threads; use it as a context manager.

    Raises GraphUnavailable where no server answers. `database` is the user's home database where it is None;
    `home` is the folder of a local server; writes are refused when its disk is nearly full.
    `timeout` is the deadline of a query, in seconds; nobody waits longer than that, or RETRY_SECONDS, for a server that
    went away.
    """

    def __init__(
        self,
        uri: str,
        user: str,
        password: str,
        *,
        database: str | None = None,
        timeout: float = 60.0,
        home: Path | None = None,
    ) -> None:
        self.uri = uri
        self._database = database
        self._timeout = timeout
        self._home = home
        # Labels and properties that an empty graph does not know yet are no news to us.
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
        """Drop every connection, those in use too: whoever waits on one gets GraphUnavailable, and the next call dials.

        The driver listens for two minutes to a connection whose other end is gone without a word.
        """
        dropped, self._driver = self._driver, self._connect()
        # Aside: it says goodbye on each, which may block where nobody reads.
        Thread(target=dropped.close, name="hang up", daemon=True).start()

    def close(self) -> None:
        self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def within(self, timeout: float) -> Self:
        """The same connection with another deadline for its queries. Closing either closes both."""
        other = copy(self)
        other._timeout = timeout
        return other

    def ping(self) -> None:
        """Raises GraphUnavailable where no server answers, or refuses the password."""
        try:
            self._read("ping")
        except (DriverError, Neo4jError, OSError) as error:
            raise GraphUnavailable(self.uri, str(error) or type(error).__name__) from error

    def _read(self, name: str, **parameters: Any) -> list[Any]:
        return self._execute(name, parameters, RoutingControl.READ)

    def _write(self, name: str, **parameters: Any) -> list[Any]:
        return self._execute(name, parameters, RoutingControl.WRITE)

    def _execute(self, name: str, parameters: Row, routing: RoutingControl) -> list[Any]:
        """Run one query, again where the error is transient; its rows."""
        query = queries.query(name, self._timeout)
        if routing is RoutingControl.WRITE:
            self._require_room()
        driver = self._driver
        with self._answering():
            try:
                done = driver.execute_query(query, parameters, routing_=routing, database_=self._database)
            except (DriverError, Neo4jError) as error:
                if driver is not self._driver:
                    raise GraphUnavailable(self.uri, "the connection was given up") from error
                raise
            return list(done.records)

    def _stream(self, name: str, **parameters: Any) -> Iterator[Any]:
        """The rows of a query that reads a whole graph, as they come; without a deadline, and not again."""
        session = self._driver.session(database=self._database, default_access_mode=READ_ACCESS, fetch_size=FETCHED)
        with self._answering(), session:
            yield from session.run(queries.query(name), parameters)

    def _require_room(self) -> None:
        """Raises DiskNearlyFull where the local server's disk is nearly full."""
        if self._home:
            require_room(self._home)

    def _transact(self, work: Callable[[ManagedTransaction], None]) -> None:
        self._require_room()
        with self._answering(), self._driver.session(database=self._database) as session:
            session.execute_write(work)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """A server that went away is GraphUnavailable; an error in a query is a bug, and stays what it is."""
        try:
            yield
        except (DriverError, Neo4jError) as error:
            if isinstance(error, AuthError | Forbidden):
                raise GraphAccessDenied(self.uri, error.message or str(error)) from error
            if isinstance(error, Neo4jError) and (error.code or "").startswith("Neo.DatabaseError.Transaction."):
                raise GraphBroken(self.uri, error.message or str(error)) from error
            if error.is_retryable():
                raise GraphUnavailable(self.uri, str(error)) from error
            raise


def run(tx: ManagedTransaction, name: str, **parameters: Any) -> list[Any]:
    return list(tx.run(queries.text(name), parameters))


SECONDS = 3600.0
"""Deadline of a query: some look at everything there is."""
