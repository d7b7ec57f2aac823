"""Ids are content: what holds something else than its id says was changed by somebody else than us."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from graphdb.consistency.findings import Findings
from graphdb.consistency.queries import CheckStore
from graphdb.model import inter_segment_id, intra_segment_id, snapshot_id


def check_contents(store: CheckStore, findings: Findings) -> None:
    """Compute the ids of segments and snapshots anew."""
    changed = [*changed_tracks(store), *changed_edges(store)]
    findings.add("segments", "The id of a segment is the digest of its tracks or edges.", changed)
    findings.add("snapshots", "The id of a snapshot is the digest of its segments.", changed_snapshots(store))


def changed_tracks(store: CheckStore) -> list[str]:
    return changed(store.track_pages(), lambda row: intra_segment_id(**row))


def changed_edges(store: CheckStore) -> list[str]:
    return changed(store.edge_pages(), lambda row: inter_segment_id(**row))


def changed(pages: Iterator[list[Any]], id_of: Callable[[dict[str, Any]], str]) -> list[str]:
    """The segments whose id is not that of their content, or which lost a part of it."""
    rows = (dict(row) for page in pages for row in page)
    return [id for row in rows if (id := row.pop("id")) and (None in row.values() or id != id_of(row))]


def changed_snapshots(store: CheckStore) -> list[str]:
    return [
        each.id
        for each in store.snapshots()
        if each.id != snapshot_id(each.fit, each.frames, each.settings, store.segment_ids(each.id))
    ]
