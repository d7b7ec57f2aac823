"""Run a Cypher query from standard input on the local server of AFFINITY_DATA. Fail if it returns no rows."""

from __future__ import annotations

import sys

from neo4j import GraphDatabase

from foundation.data_folder import DataFolder
from graphdb.server.local import LocalServer


def main() -> None:
    server = LocalServer(DataFolder.resolve().neo4j).start()
    with GraphDatabase.driver(server.uri, auth=(server.user, server.password)) as driver:
        rows = driver.execute_query(sys.stdin.read()).records
    assert rows, "the query returned no rows"
    print(f"{len(rows)} rows")


if __name__ == "__main__":
    main()
