"""Ask a server whether it is up."""

from __future__ import annotations

import logging


def agent(uri: str, user: str, password: str) -> str | None:
    """What a server that answers a query calls itself, `Neo4j/<version>`; None where it does not answer (yet)."""
    from neo4j import GraphDatabase
    from neo4j.exceptions import DriverError, Neo4jError

    # The driver would report on stderr each refused connection to a server that is starting.
    logging.getLogger("neo4j.pool").setLevel(logging.CRITICAL)
    with GraphDatabase.driver(uri, auth=(user, password), connection_timeout=5, max_transaction_retry_time=0) as driver:
        try:
            return driver.execute_query("RETURN 1").summary.server.agent
        except (DriverError, Neo4jError):
            return None
