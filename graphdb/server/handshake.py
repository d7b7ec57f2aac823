"""Ask a server whether it is up, and who it is."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from graphdb.errors import GraphAccessDenied, GraphUnavailable, UnsupportedServer

if TYPE_CHECKING:
    from graphdb.settings import Connection, ServerSettings

MINIMUM = (5, 23)
"""The oldest Neo4j whose Cypher has all that ours uses; last came the scope of a subquery, `CALL (g) { … }`."""
CONNECT_SECONDS = 5.0
PATIENCE = 10.0
"""Seconds until a server that takes the connection must have said who it is."""


def agent(uri: str, user: str, password: str, database: str | None = None) -> str | None:
    """What a server that answers a query calls itself, `Neo4j/<version>`; None where it does not answer (yet)."""
    from neo4j.exceptions import DriverError, Neo4jError

    try:
        return _ask(uri, user, password, database)
    except (DriverError, Neo4jError, OSError, ValueError):
        return None


def greet(server: Connection | ServerSettings) -> str:
    """The version of the Neo4j that answers, after checking that it is new enough.

    Raises GraphUnavailable, GraphAccessDenied and UnsupportedServer, within some ten seconds.
    """
    from neo4j.exceptions import ConnectionAcquisitionTimeoutError, DriverError, Neo4jError, UnsupportedServerProduct

    try:
        name = _ask(server.uri, server.user, server.password, server.database)
    except UnsupportedServerProduct as error:
        raise UnsupportedServer(server.uri, "something that does not speak Neo4j's Bolt", needed()) from error
    except ConnectionAcquisitionTimeoutError as error:
        raise GraphUnavailable(server.uri, f"it took the connection, then said nothing for {PATIENCE:.0f} s") from error
    except Neo4jError as error:
        failure = GraphUnavailable if error.is_retryable() else GraphAccessDenied
        raise failure(server.uri, error.message or str(error)) from error
    except (DriverError, OSError, ValueError) as error:
        raise GraphUnavailable(server.uri, root_of(error)) from error
    return supported(server.uri, name)


def supported(uri: str, agent: str) -> str:
    """The version in what a server calls itself. Raises UnsupportedServer where it is too old, or no Neo4j."""
    # Others that speak Bolt say that they are "compatible"; their Cypher is not.
    named = re.fullmatch(r"Neo4j/v?((\d+)\.(\d+)\S*)", agent)
    if named is None:
        raise UnsupportedServer(uri, f"a server that calls itself {agent!r}", needed())
    if (int(named[2]), int(named[3])) < MINIMUM:
        raise UnsupportedServer(uri, f"Neo4j {named[1]}", needed())
    return named[1]


def needed() -> str:
    return ".".join(map(str, MINIMUM))


def root_of(error: BaseException) -> str:
    """What lies at the bottom of an error of the driver, whose own text names addresses in many words."""
    while below := _below(error):
        error = below
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _below(error: BaseException) -> BaseException | None:
    if isinstance(error, BaseExceptionGroup):
        return error.exceptions[0]
    return error.__cause__ or error.__context__


def _ask(uri: str, user: str, password: str, database: str | None) -> str:
    from neo4j import GraphDatabase

    # The driver would report on stderr each refused connection to a server that is starting.
    logging.getLogger("neo4j.pool").setLevel(logging.CRITICAL)
    with GraphDatabase.driver(
        uri,
        auth=(user, password),
        connection_timeout=CONNECT_SECONDS,
        connection_acquisition_timeout=PATIENCE,
        max_transaction_retry_time=0,
    ) as driver:
        return driver.execute_query("RETURN 1", database_=database).summary.server.agent
