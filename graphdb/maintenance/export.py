"""Export the whole graph as CSV files that `neo4j-admin database import` can read.

A folder holds `nodes.<labels>.csv`, `relationships.<type>.csv`, and `graph.json` with the store id and the number of
rows of each file. `graph.json` is written last, so its existence means that the export is complete. If the database
holds data of others too, only nodes with a label of Affinity Graph are exported, and the relationships between them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from neo4j.time import DateTime

from foundation.data_folder import DataFolder
from foundation.files import atomic_write, wrap_os_errors
from graphdb.archive.writer import writer_lock
from graphdb.errors import GraphdbError
from graphdb.model import LABELS, DatabaseContents
from graphdb.store.graph import GraphStore
from graphdb.store.records import Entity, Kind, PropertyTypes

MANIFEST = "graph.json"
FORMAT = 1
TYPES = {
    "BOOLEAN NOT NULL": "boolean",
    "FLOAT NOT NULL": "double",
    "INTEGER NOT NULL": "long",
    "STRING NOT NULL": "string",
    "ZONED DATETIME NOT NULL": "datetime",
}
"""The types of values in the graph, and how the importer calls them."""
BUFFER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of `graph.json`: the store id, and the number of rows of each file."""

    format: int
    store: str
    nodes: dict[str, int]
    relationships: dict[str, int]


def export_graph(store: GraphStore, folder: DataFolder, target: Path) -> Manifest:
    """Write the graph to a folder, which is made if it is missing, and must be empty.

    Raises ArchiveLocked while another command writes to the data folder, CannotWrite, GraphUnavailable, and
    GraphdbError if the folder is not empty.
    """
    with writer_lock(folder.archive):
        with wrap_os_errors(target):
            target.mkdir(parents=True, exist_ok=True)
            if any(target.iterdir()):
                raise cannot_export(target, "it is not empty. Name a new folder")
        nodes = CsvFiles(target, "nodes", [":ID"], store.node_types()).write(store.nodes())
        ends = [":START_ID", ":END_ID"]
        relationships = CsvFiles(target, "relationships", ends, store.relationship_types()).write(store.relationships())
        manifest = Manifest(FORMAT, store.store_id() or "", nodes, relationships)
        with atomic_write(target / MANIFEST) as file:
            file.write(json.dumps(asdict(manifest), indent=2).encode())
    return manifest


def cannot_export(folder: Path, reason: str) -> GraphdbError:
    return GraphdbError(f"The graph cannot be exported to {folder}: {reason}.")


def left_behind(contents: DatabaseContents, written: Manifest) -> str:
    """Describe what the database holds besides the exported graph; an empty string if there is nothing."""
    nodes = contents.nodes - sum(written.nodes.values())
    relationships = contents.relationships - sum(written.relationships.values())
    theirs = sorted(set(contents.labels) - set(LABELS))
    return str(DatabaseContents(contents.database, nodes, relationships, theirs, [])) if nodes or relationships else ""


class CsvFiles:
    """One CSV file for each kind of node, or of relationship. `ids` are the headers of the columns of ids."""

    def __init__(self, target: Path, prefix: str, ids: Sequence[str], types: Iterable[PropertyTypes]) -> None:
        self._target = target
        self._prefix = prefix
        self._ids = ids
        self._columns: dict[Kind, dict[str, str]] = defaultdict(dict)
        for kind, name, of in types:
            if len(of) > 1 or (of and of[0] not in TYPES):
                raise cannot_export(target, f"{'+'.join(kind)}.{name} has values of the types {', '.join(of)}")
            if of:
                self._columns[kind][name] = TYPES[of[0]]

    def write(self, rows: Iterable[Entity]) -> dict[str, int]:
        """Write the rows, and return the number of rows of each file, by its name."""
        counts: dict[Kind, int] = defaultdict(int)
        with wrap_os_errors(self._target), ExitStack() as stack:
            files: dict[Kind, TextIO] = {}
            for kind, ids, properties in rows:
                if kind not in files:
                    files[kind] = stack.enter_context(self._open(kind))
                files[kind].write(csv_line(ids, [properties.get(name) for name in self._columns[kind]]))
                counts[kind] += 1
        return {self._name(kind): count for kind, count in sorted(counts.items())}

    def _open(self, kind: Kind) -> TextIO:
        file = (self._target / self._name(kind)).open("w", BUFFER_BYTES, encoding="utf-8")
        file.write(",".join([*self._ids, *(f"{name}:{of}" for name, of in self._columns[kind].items())]) + "\n")
        return file

    def _name(self, kind: Kind) -> str:
        return f"{self._prefix}.{'+'.join(kind)}.csv"


def csv_line(ids: Sequence[str], values: Sequence[Any]) -> str:
    return ",".join([*(id.rpartition(":")[2] for id in ids), *map(csv_value, values)]) + "\n"


def csv_value(value: Any) -> str:
    """Return a value as the importer reads it; an empty string if the node does not have the property."""
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    if value is None:
        return ""
    if isinstance(value, DateTime):
        return value.iso_format()
    return str(value).lower() if isinstance(value, bool) else repr(value)
