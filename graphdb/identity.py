"""The id that a graph and its data folder share: pixels and the pointers to them belong together."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from graphdb.errors import StoreMismatch
from graphdb.settings import DataFolder

if TYPE_CHECKING:
    from graphdb.store import GraphStore


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
    temporary = folder.store_file.with_suffix(".new")
    temporary.write_text(id + "\n")
    os.replace(temporary, folder.store_file)
