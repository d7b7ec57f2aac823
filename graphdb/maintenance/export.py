"""A whole graph as CSV that `neo4j-admin database import` reads: every node, relationship, property, label and type.

Of a database that holds data of others too: the nodes with a label of ours, and what joins two of them.

A folder holds `nodes.<labels>.csv` and `relationships.<type>.csv`, and last `graph.json`, which says that all is there:
the store id, and the rows of each file.
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
from foundation.files import atomic_write, writing
from graphdb.archive.writer import writer_lock
from graphdb.errors import CannotExport
from graphdb.model import LABELS, Holding
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
"""What the importer calls the types of values that a graph of ours has."""
BUFFER = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an export holds: rows by file."""

    format: int
    store: str
    nodes: dict[str, int]
    relationships: dict[str, int]


def export_graph(store: GraphStore, folder: DataFolder, target: Path) -> Manifest:
    """Write the graph to a folder that is empty, or made here.

    Raises ArchiveLocked while somebody writes to the data folder, CannotExport, CannotWrite and GraphUnavailable.
    """
    with writer_lock(folder.archive):
        with writing(target):
            target.mkdir(parents=True, exist_ok=True)
            if any(target.iterdir()):
                raise CannotExport(target, "it is not empty. Name a new folder")
        nodes = Tables(target, "nodes", [":ID"], store.node_types()).write(store.nodes())
        ends = [":START_ID", ":END_ID"]
        relationships = Tables(target, "relationships", ends, store.relationship_types()).write(store.relationships())
        manifest = Manifest(FORMAT, store.store_id() or "", nodes, relationships)
        with atomic_write(target / MANIFEST) as file:
            file.write(json.dumps(asdict(manifest), indent=2).encode())
    return manifest


def left_behind(held: Holding, written: Manifest) -> str:
    """What a database holds beside the graph that was exported, in words; nothing where that is all."""
    nodes = held.nodes - sum(written.nodes.values())
    relationships = held.relationships - sum(written.relationships.values())
    theirs = sorted(set(held.labels) - set(LABELS))
    return str(Holding(held.database, nodes, relationships, theirs, [])) if nodes or relationships else ""


class Tables:
    """A file for each kind of node, or of relationship; `ids` are the heads of the columns before the properties."""

    def __init__(self, target: Path, prefix: str, ids: Sequence[str], types: Iterable[PropertyTypes]) -> None:
        self._target = target
        self._prefix = prefix
        self._ids = ids
        self._columns: dict[Kind, dict[str, str]] = defaultdict(dict)
        for kind, name, of in types:
            if len(of) > 1 or (of and of[0] not in TYPES):
                raise CannotExport(target, f"{'+'.join(kind)}.{name} has values of the types {', '.join(of)}")
            if of:
                self._columns[kind][name] = TYPES[of[0]]

    def write(self, rows: Iterable[Entity]) -> dict[str, int]:
        """The number of rows of each file, by its name."""
        counts: dict[Kind, int] = defaultdict(int)
        with writing(self._target), ExitStack() as stack:
            files: dict[Kind, TextIO] = {}
            for kind, ids, properties in rows:
                if kind not in files:
                    files[kind] = stack.enter_context(self._open(kind))
                files[kind].write(line(ids, [properties.get(name) for name in self._columns[kind]]))
                counts[kind] += 1
        return {self._name(kind): count for kind, count in sorted(counts.items())}

    def _open(self, kind: Kind) -> TextIO:
        file = (self._target / self._name(kind)).open("w", BUFFER, encoding="utf-8")
        file.write(",".join([*self._ids, *(f"{name}:{of}" for name, of in self._columns[kind].items())]) + "\n")
        return file

    def _name(self, kind: Kind) -> str:
        return f"{self._prefix}.{'+'.join(kind)}.csv"


def line(ids: Sequence[str], values: Sequence[Any]) -> str:
    return ",".join([*(id.rpartition(":")[2] for id in ids), *map(cell, values)]) + "\n"


def cell(value: Any) -> str:
    """A value as the importer reads it back; nothing for a property that is not there."""
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    if value is None:
        return ""
    if isinstance(value, DateTime):
        return value.iso_format()
    return str(value).lower() if isinstance(value, bool) else repr(value)
