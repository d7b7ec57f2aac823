"""Check the ids that are digests of content: if they differ, something else than Affinity Graph changed the content."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from graphdb.consistency.findings import Findings
from graphdb.consistency.queries import CheckStore
from graphdb.model import inter_segment_id, intra_segment_id, snapshot_id


def check_content_ids(store: CheckStore, findings: Findings) -> None:
    """Compute the ids of segments and snapshots again."""
    changed = [
        *changed_segments(store.track_pages(), lambda row: intra_segment_id(**row)),
        *changed_segments(store.edge_pages(), lambda row: inter_segment_id(**row)),
    ]
    findings.add("segments", "The id of a segment is the digest of its tracks or edges.", changed)
    findings.add("snapshots", "The id of a snapshot is the digest of its segments.", changed_snapshots(store))


def changed_segments(pages: Iterator[list[Any]], id_of: Callable[[dict[str, Any]], str]) -> list[str]:
    """Return the segments whose id is not the digest of their content, or whose content is incomplete."""
    rows = (dict(row) for page in pages for row in page)
    return [id for row in rows if (id := row.pop("id")) and (None in row.values() or id != id_of(row))]


def changed_snapshots(store: CheckStore) -> list[str]:
    return [
        each.id
        for each in store.snapshots()
        if each.id != snapshot_id(each.fit, each.frames, each.settings, store.segment_ids(each.id))
    ]
