"""The store id: a graph and a data folder carry the same one, because the graph points to images in the folder."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from foundation.data_folder import DataFolder
from foundation.files import atomic_write
from graphdb.archive.shards import shard_files
from graphdb.errors import ForeignData, StoreMismatch
from graphdb.model import DatabaseContents
from graphdb.settings import shared_database

if TYPE_CHECKING:
    from graphdb.store.graph import GraphStore


def require_own_database(store: GraphStore) -> None:
    """Raise ForeignData if the database belongs to others. Call it before anything is written.

    Affinity Graph may use a database that is empty, or that holds its Store node. It may also use a database that
    AFFINITY_SHARED_DATABASE names, if no label in it is one of its own.
    """
    contents = store.contents()
    # In this order: another command may be writing to an empty database right now, and it writes the Store node first.
    if not contents.nodes or store.store_id() is not None:
        return
    if contents.clashes or (shared_database() or "").lower() != contents.database.lower():
        raise ForeignData(contents.database, store.uri, str(contents), alternatives(contents))


def alternatives(contents: DatabaseContents) -> str:
    """Say what to do instead of using a database of others."""
    elsewhere = (
        "Name an empty database with NEO4J_DATABASE, another server with NEO4J_URI, or unset NEO4J_URI to use the "
        "local one"
    )
    if contents.clashes:
        return f"Its {', '.join(contents.clashes)} could not be told from ours, so it cannot be shared. {elsewhere}."
    return f"{elsewhere}. To use one database for both, set AFFINITY_SHARED_DATABASE={contents.database}."


@dataclass(frozen=True, slots=True)
class Relation:
    """The store ids of a graph and a data folder, compared."""

    in_graph: str | None
    in_folder: str | None
    kind: Literal["same", "unbound", "mismatch"]
    """Unbound: at least one of them has no id yet, and neither holds images, so they can be given the same id."""


def relation(store: GraphStore, folder: DataFolder) -> Relation:
    """Compare the store ids of a graph and a data folder."""
    file = folder.store_file
    in_folder = file.read_text().strip() if file.exists() else None
    in_graph = store.store_id()
    if in_folder == in_graph and in_graph is not None:
        return Relation(in_graph, in_folder, "same")
    # One of them may hold pointers without images, or images without pointers, which the next writer would cut off.
    filled = bool(shard_files(folder.archive) or store.shards())
    unbound = not filled and None in (in_graph, in_folder)
    return Relation(in_graph, in_folder, "unbound" if unbound else "mismatch")


def claim(store: GraphStore, folder: DataFolder) -> str:
    """Return the store id of graph and folder. If they are unbound, give both the same one.

    Raises StoreMismatch, before anything is read or cut, if they belong to different stores.
    """
    found = relation(store, folder)
    if found.kind == "unbound":
        # An earlier command may have given the graph an id and died before it wrote the file.
        id = store.claim_store(found.in_graph or found.in_folder or secrets.token_hex(8))
        if found.in_folder is None:
            write_store_id(folder, id)
        found = relation(store, folder)
    if found.in_folder is None or found.kind != "same":
        raise StoreMismatch(folder.root, found.in_folder, store.uri, found.in_graph)
    return found.in_folder


def write_store_id(folder: DataFolder, id: str) -> None:
    with atomic_write(folder.store_file) as file:
        file.write(f"{id}\n".encode())
