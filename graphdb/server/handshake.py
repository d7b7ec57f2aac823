"""Ask a server for its product and version."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from graphdb.errors import GraphAccessDenied, GraphdbError, GraphUnavailable, root_cause

if TYPE_CHECKING:
    from graphdb.settings import Connection, ServerSettings

MINIMUM = (5, 23)
"""The oldest Neo4j that understands every query of the project. The newest syntax used is `CALL (g) { … }`."""
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
"""Seconds that a server may take to answer once it has accepted the connection."""


def server_agent(uri: str, user: str, password: str, database: str | None = None) -> str | None:
    """Return what a server calls itself, such as `Neo4j/2026.09.0`; None if it does not answer a query (yet)."""
    from neo4j.exceptions import DriverError, Neo4jError

    try:
        return _query_agent(uri, user, password, database)
    except (DriverError, Neo4jError, OSError, ValueError):
        return None


def require_supported_server(server: Connection | ServerSettings) -> str:
    """Return the version of the Neo4j that answers, if it is new enough.

    Takes at most about ten seconds. Raises GraphUnavailable, GraphAccessDenied, and GraphdbError for a server that is
    no Neo4j or too old.
    """
    from neo4j.exceptions import ConnectionAcquisitionTimeoutError, DriverError, Neo4jError, UnsupportedServerProduct

    try:
        agent = _query_agent(server.uri, server.user, server.password, server.database)
    except UnsupportedServerProduct as error:
        raise unsupported(server.uri, "something that does not speak Neo4j's Bolt") from error
    except ConnectionAcquisitionTimeoutError as error:
        reason = f"it accepted the connection, but sent nothing for {ANSWER_SECONDS:.0f} s"
        raise GraphUnavailable(server.uri, reason) from error
    except Neo4jError as error:
        failure = GraphUnavailable if error.is_retryable() else GraphAccessDenied
        raise failure(server.uri, error.message or str(error)) from error
    except (DriverError, OSError, ValueError) as error:
        raise GraphUnavailable(server.uri, root_cause(error)) from error
    return supported_version(server.uri, agent)


def supported_version(uri: str, agent: str) -> str:
    """Return the version in what a server calls itself. Raises GraphdbError if it is no Neo4j, or too old."""
    # Other databases that speak Bolt call themselves "compatible", but their Cypher is not.
    match = re.fullmatch(r"Neo4j/v?((\d+)\.(\d+)\S*)", agent)
    if match is None:
        raise unsupported(uri, f"a server that calls itself {agent!r}")
    if (int(match[2]), int(match[3])) < MINIMUM:
        raise unsupported(uri, f"Neo4j {match[1]}")
    return match[1]


def unsupported(uri: str, found: str) -> GraphdbError:
    return GraphdbError(
        f"At {uri} is {found}; Affinity Graph needs Neo4j {minimum_version()} or newer. "
        "Name another server with NEO4J_URI, or unset it to use the local one."
    )


def minimum_version() -> str:
    return ".".join(map(str, MINIMUM))


def _query_agent(uri: str, user: str, password: str, database: str | None) -> str:
    from neo4j import GraphDatabase

    # While a server starts, the driver would log every refused connection to stderr.
    logging.getLogger("neo4j.pool").setLevel(logging.CRITICAL)
    with GraphDatabase.driver(
        uri,
        auth=(user, password),
        connection_timeout=CONNECT_SECONDS,
        connection_acquisition_timeout=ANSWER_SECONDS,
        max_transaction_retry_time=0,
    ) as driver:
        return driver.execute_query("RETURN 1", database_=database).summary.server.agent
