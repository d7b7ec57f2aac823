"""Connect to the graph of a data folder, on the server that NEO4J_URI names, else on the folder's own server."""

from __future__ import annotations

from typing import TypeVar

from foundation.data_folder import DataFolder
from graphdb.server.handshake import require_supported_server
from graphdb.settings import Connection, ServerSettings
from graphdb.store.graph import GraphStore
from graphdb.store.ownership import claim, require_own_database

Store = TypeVar("Store", bound=GraphStore)


def connect(
    folder: DataFolder, store_class: type[Store], *, timeout: float = 60.0, server: Connection | None = None
) -> Store:
    """Open a store on the graph of a data folder, ready to write to.

    Checks that the database belongs to Affinity Graph, creates missing constraints and indexes, and gives graph and
    folder their common store id. The arguments are those of `open_store`. Raises what `open_store` raises, then, in
    this order, ForeignData, GraphdbError if the constraints collide with others, and StoreMismatch.
    """
    store = open_store(folder, store_class, timeout=timeout, server=server)
    try:
        require_own_database(store)
        store.ensure_schema()
        claim(store, folder)
    except BaseException:
        store.close()
        raise
    return store


def open_store(
    folder: DataFolder, store_class: type[Store], *, timeout: float = 60.0, server: Connection | None = None
) -> Store:
    """Open a store on the server of a data folder. Writes nothing, and does not look at what the database holds.

    `timeout`: the seconds that a query may take. `server`: the folder's own server, if it is already started.
    Raises SettingsError, GraphUnavailable, GraphAccessDenied, and GraphdbError if the server is too old.
    """
    external = None if server else ServerSettings.from_environment()
    address = server or external or start_local_server(folder)
    require_supported_server(address)
    return store_class(
        address.uri,
        address.user,
        address.password,
        database=address.database,
        timeout=timeout,
        local_folder=None if external else folder.neo4j,
    )


def start_local_server(folder: DataFolder) -> Connection:
    """Start the data folder's own server, if it is not running."""
    # Imported here: if NEO4J_URI is set, the Java runtime and jgo need not be installed.
    from graphdb.server.local import LocalServer

    return LocalServer(folder.neo4j).start()
