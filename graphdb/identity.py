"""The id that a graph and its data folder share: pixels and the pointers to them belong together."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphdb.errors import ForeignData, StoreMismatch
from graphdb.files import whole_file
from graphdb.settings import DataFolder, shared_database

if TYPE_CHECKING:
    from graphdb.store import GraphStore


NAMED = 8
"""Labels that a sentence names."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What a database holds, whoever wrote it."""

    database: str
    nodes: int
    relationships: int
    labels: list[str]
    taken: list[str]
    """Labels and relationship types that we write too."""

    def __str__(self) -> str:
        named = ", ".join(f":{label}" for label in sorted(self.labels)[:NAMED])
        labeled = f" ({named}{', …' if len(self.labels) > NAMED else ''})" if named else ""
        nodes, relationships = number(self.nodes, "node"), number(self.relationships, "relationship")
        return f"{nodes}{labeled} and {relationships} that Affinity Graph did not write"


def number(count: int, of: str) -> str:
    return f"{count:,} {of}" if count == 1 else f"{count:,} {of}s"


def admit(store: GraphStore) -> None:
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


def claim(store: GraphStore, folder: DataFolder) -> str:
    """The id of both, given now where neither has one or one of them is still empty.

    Raises StoreMismatch, before anything is read or cut, where they belong to different stores.
    """
    file = folder.store_file
    in_folder = file.read_text().strip() if file.exists() else None
    in_graph = store.store_id()
    if in_folder is None and (in_graph is None or not store.shards()):
        # A graph without shards has no pixels to lose; the id it was given survives an ingest that died here.
        in_folder = store.claim_store(in_graph or secrets.token_hex(8))
        write(folder, in_folder)
    elif in_folder is not None and in_graph is None and not any(folder.archive.glob("*.tar")):
        in_graph = store.claim_store(in_folder)
    in_graph = store.store_id()
    if in_folder is None or in_folder != in_graph:
        raise StoreMismatch(str(folder.root), in_folder or "none", store.uri, in_graph or "none")
    return in_folder


def write(folder: DataFolder, id: str) -> None:
    with whole_file(folder.store_file) as file:
        file.write(f"{id}\n".encode())
