"""What only labels can give: a graph of true edges (the ceiling), and a folder to learn classes from (supervised)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from urllib.parse import unquote, urlparse

import numpy as np

from foundation.data_folder import DataFolder
from graphdb.archive.reader import ArchiveReader
from graphdb.connect import connect
from graphdb.model import InterEdges, digest, end_id, parent_id, video_of
from graphdb.store.deletion import RemovalStore
from ingest.quality.label_agreement import Label, labels_of, read_labels

Labels = Mapping[str, Label]
"""By video id."""


def publish_true_edges(folder: DataFolder, labels: Path, edges: int, seed: int, frames: int = 30) -> str:
    """A snapshot of all tracks, whose parents are the classes and whose edges join two objects of one class.

    `edges` of them, drawn at random, in proportion to each class's pairs of different look-alike groups; the id.
    """
    with connect(folder, RemovalStore) as store:
        starts = store.tracked_starts(frames)
        shown = video_labels(store, labels)
        kinds = sorted({label.category for label in shown.values()})
        fit = digest("true edges", str(seed), str(edges))
        members = {
            kind: [id for video, (_, ids) in starts.items() if shown[video].category == kind for id in ids]
            for kind in kinds
        }
        store.write_parents(fit, {id: kinds.index(kind) for kind in kinds for id in members[kind]})
        segments = [segment for segment, _ in starts.values()]
        pairs = {kind: _apart(sorted(members[kind]), shown) for kind in kinds}
        total = sum(map(len, pairs.values()))
        random = np.random.default_rng(seed)
        for number, kind in enumerate(kinds):
            drawn = random.choice(len(pairs[kind]), round(edges * len(pairs[kind]) / total), replace=False)
            joined = [(*pairs[kind][at], 1.0) for at in sorted(drawn.tolist())]
            parent = parent_id(fit, number)
            inter = InterEdges(parent, digest("true edges of", parent, *(f"{a} {b}" for a, b, _ in joined)), joined, [])
            segments.append(store.write_inter(inter))
        return store.publish(segments, frames, fit, {"features": "labels", "track_frames": frames}).id


def _apart(ids: Sequence[str], shown: Labels) -> list[tuple[str, str]]:
    """All pairs of two look-alike groups."""
    groups = [shown[video_of(id)].lookalike for id in ids]
    return [(ids[a], ids[b]) for a, b in combinations(range(len(ids)), 2) if groups[a] != groups[b]]


def video_labels(store: RemovalStore, labels: Path) -> Labels:
    """The label of every video of the graph."""
    files = {video: Path(unquote(urlparse(uri).path)) for video, uri in store.uris().items()}
    return labels_of(read_labels(labels), files, labels)


def write_crops(folder: DataFolder, labels: Path, out: Path, frames: int = 30) -> int:
    """Both ends of every track as `out/<class>/<instance>_<number><a or b>.jpg`; how many tracks."""
    with connect(folder, RemovalStore) as store:
        shown = video_labels(store, labels)
        starts = sorted(id for _, ids in store.tracked_starts(frames).values() for id in ids)
        where = store.pixels([*starts, *(end_id(id, frames) for id in starts)])
    reader = ArchiveReader(folder.archive)
    for number, start in enumerate(starts):
        label = shown[video_of(start)]
        (out / label.category).mkdir(parents=True, exist_ok=True)
        for end, id in (("a", start), ("b", end_id(start, frames))):
            path = out / label.category / f"{label.instance}_{number:05d}{end}.jpg"
            path.write_bytes(reader.read(where[id]))
    reader.close()
    return len(starts)
