"""Ask a server whether it is up."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphdb.server import Connection


def answers_query(connection: Connection) -> bool:
    """Whether the server takes the password and answers a query.

    Raises AuthError where it refuses the password.
    """
    from neo4j import GraphDatabase
    from neo4j.exceptions import DriverError, Neo4jError

    # A server that is starting refuses connections, which the driver would report on stderr each time.
    logging.getLogger("neo4j.pool").setLevel(logging.CRITICAL)
    auth = (connection.user, connection.password)
    with GraphDatabase.driver(connection.uri, auth=auth, connection_timeout=5, max_transaction_retry_time=0) as driver:
        try:
            driver.execute_query("RETURN 1")
        except (DriverError, Neo4jError):
            return False
    return True
