"""Connect to the graph of a data folder: the server that NEO4J_URI names, else the folder's own."""

from __future__ import annotations

from typing import TypeVar

from foundation.data_folder import DataFolder
from graphdb.server.handshake import greet
from graphdb.settings import Connection, ServerSettings
from graphdb.store.graph import GraphStore
from graphdb.store.ownership import claim, require_own_database

Store = TypeVar("Store", bound=GraphStore)


def reach(folder: DataFolder, kind: type[Store], *, timeout: float = 60.0, server: Connection | None = None) -> Store:
    """Open a store on the server of a data folder. Writes nothing, whatever the database holds.

    `timeout`: seconds that a query may take. `server`: the folder's own server, if it is already started.
    Raises SettingsError, GraphUnavailable, GraphAccessDenied and UnsupportedServer.
    """
    external = None if server else ServerSettings.from_environment()
    address = server or external or local_server(folder)
    greet(address)
    home = None if external else folder.neo4j
    return kind(address.uri, address.user, address.password, database=address.database, timeout=timeout, home=home)


def connect(folder: DataFolder, kind: type[Store], *, timeout: float = 60.0, server: Connection | None = None) -> Store:
    """Open the graph of a data folder, as `reach` does; then write its schema and the id that graph and folder share.

    Raises what `reach` raises, then, in this order, ForeignData, SchemaCollision and StoreMismatch.
    """
    store = reach(folder, kind, timeout=timeout, server=server)
    try:
        require_own_database(store)
        store.ensure_schema()
        claim(store, folder)
    except BaseException:
        store.close()
        raise
    return store


def local_server(folder: DataFolder) -> Connection:
    """Start the data folder's own server if it is down."""
    # Imported here: with NEO4J_URI set, neither the Java runtime nor the resolver of the jars must be installed.
    from graphdb.server.local import LocalServer

    return LocalServer(folder.neo4j).start()
