"""The id that a graph and its data folder share: pixels and the pointers to them belong together."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from foundation.data_folder import DataFolder
from foundation.files import atomic_write
from graphdb.archive.shards import shard_files
from graphdb.errors import ForeignData, StoreMismatch
from graphdb.model import Holding
from graphdb.settings import shared_database

if TYPE_CHECKING:
    from graphdb.store.graph import GraphStore


def require_own_database(store: GraphStore) -> None:
    """Look before anything is written. Raises ForeignData where the database is somebody else's.

    It is ours where it holds our Store node, or nothing at all; or where AFFINITY_SHARED_DATABASE names it, and the
    data in it has no label of ours, by which the two could be taken for each other.
    """
    held = store.holding()
    # In this order: whoever writes into an empty database at this very moment begins with the Store node.
    if not held.nodes or store.store_id() is not None:
        return
    if held.taken or (shared_database() or "").lower() != held.database.lower():
        raise ForeignData(held.database, store.uri, str(held), ways_out(held))


def ways_out(held: Holding) -> str:
    elsewhere = (
        "Name an empty database with NEO4J_DATABASE, another server with NEO4J_URI, or unset NEO4J_URI to use the "
        "local one"
    )
    if held.taken:
        return f"Its {', '.join(held.taken)} could not be told from ours, so it cannot be shared. {elsewhere}."
    return f"{elsewhere}. Where both may live side by side, set AFFINITY_SHARED_DATABASE={held.database}."


@dataclass(frozen=True, slots=True)
class Relation:
    """How a graph and a data folder stand to each other, by their store ids."""

    in_graph: str | None
    in_folder: str | None
    kind: Literal["one", "new", "apart"]
    """Of one store; not yet, and nothing is lost by making them so; or of different ones."""


def relation(store: GraphStore, folder: DataFolder) -> Relation:
    """Compare the ids, and where one is missing, see that neither side holds what the other would not know."""
    file = folder.store_file
    in_folder = file.read_text().strip() if file.exists() else None
    in_graph = store.store_id()
    if in_folder == in_graph and in_graph is not None:
        return Relation(in_graph, in_folder, "one")
    # Pointers without their pixels, or pixels without their pointers, which the next writer would cut off.
    filled = bool(shard_files(folder.archive) or store.shards())
    free = not filled and None in (in_graph, in_folder)
    return Relation(in_graph, in_folder, "new" if free else "apart")


def claim(store: GraphStore, folder: DataFolder) -> str:
    """The id of both, given now where neither has one or one of them is still empty.

    Raises StoreMismatch, before anything is read or cut, where they belong to different stores.
    """
    found = relation(store, folder)
    if found.kind == "new":
        # The id that a graph was given survives an ingest that died here.
        id = store.claim_store(found.in_graph or found.in_folder or secrets.token_hex(8))
        if found.in_folder is None:
            write(folder, id)
        found = relation(store, folder)
    if found.in_folder is None or found.kind != "one":
        raise StoreMismatch(folder.root, found.in_folder, store.uri, found.in_graph)
    return found.in_folder


def write(folder: DataFolder, id: str) -> None:
    with atomic_write(folder.store_file) as file:
        file.write(f"{id}\n".encode())
