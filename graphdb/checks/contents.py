"""Ids are content: what holds something else than its id says was changed by somebody else than us."""

from __future__ import annotations

import json

from graphdb.checks.findings import Findings
from graphdb.checks.reading import CheckStore
from graphdb.model import digest


def check_contents(store: CheckStore, findings: Findings) -> None:
    """Compute the ids of segments and snapshots anew."""
    changed = [*changed_tracks(store), *changed_edges(store)]
    findings.add("segments", "The id of a segment is the digest of its tracks or edges.", changed)
    findings.add("snapshots", "The id of a snapshot is the digest of its segments.", changed_snapshots(store))


def changed_tracks(store: CheckStore) -> list[str]:
    return [
        row["id"]
        for page in store.track_pages()
        for row in page
        if row["id"] != content("intra", row["video"], row["mining"], str(row["frames"]), *sorted(row["lines"]))
    ]


def changed_edges(store: CheckStore) -> list[str]:
    return [
        row["id"]
        for page in store.edge_pages()
        for row in page
        if row["id"] != content("inter", row["parent"], row["inputs"], *sorted(row["lines"]))
    ]


def changed_snapshots(store: CheckStore) -> list[str]:
    changed = []
    for snapshot in store.snapshots():
        settings = json.dumps(snapshot.settings, sort_keys=True)
        segments = sorted(store.segment_ids(snapshot.id))
        if snapshot.id != digest("snapshot", snapshot.fit or "", str(snapshot.frames), settings, *segments):
            changed.append(snapshot.id)
    return changed


def content(*parts: str | None) -> str | None:
    """The digest of the parts; None, which is no id, where one is missing."""
    there = [part for part in parts if part is not None]
    return digest(*there) if len(there) == len(parts) else None
