"""Compare two graphs: their fingerprints must be equal after any interruption, and after any order of work."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from graphdb.archive.reader import ArchiveReader
from graphdb.model import Location
from tests.conftest import Graph

IGNORED = {"key", "first", "shard", "offset", "created", "published", "place", "read"}
"""Keys, positions in the archive and times may differ; nothing else may."""
BOOKKEEPING = {"Counter", "Shard", "Store"}
"""Labels of nodes that may differ."""


def fingerprint(graph: Graph) -> tuple[set[Any], set[Any]]:
    """Return all nodes, with the hashes of their images, and all relationships."""
    reader = ArchiveReader(graph.folder.archive)
    nodes = set()
    for row in graph.cypher("MATCH (n) RETURN labels(n) AS labels, properties(n) AS properties"):
        if BOOKKEEPING.isdisjoint(row["labels"]):
            nodes.add((*sorted(row["labels"]), kept(row["properties"]), image_hash(reader, row["properties"])))
    relationships = {
        (row["type"], row["a"], row["b"], kept(row["properties"]))
        for row in graph.cypher(
            "MATCH (a)-[r]->(b) RETURN type(r) AS type, a.id AS a, b.id AS b, properties(r) AS properties"
        )
    }
    return nodes, relationships


def kept(properties: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted((name, value) for name, value in properties.items() if name not in IGNORED))


def image_hash(reader: ArchiveReader, properties: dict[str, Any]) -> str | None:
    if "shard" not in properties:
        return None
    location = Location(properties["shard"], properties["offset"], properties["size"])
    return blake2b(reader.read(location)).hexdigest()
