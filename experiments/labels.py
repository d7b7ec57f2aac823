"""Use the labels: publish a graph of true edges (the upper bound), and write a folder for supervised training."""

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
"""Labels by video id."""


def publish_true_edges(folder: DataFolder, labels: Path, edges: int, seed: int, frames: int = 30) -> str:
    """Publish a snapshot of all tracks whose parents are the classes; return its id.

    Its INTER edges, about `edges` in number, join two objects of one class and of different look-alike groups. They are
    drawn at random, each class in proportion to its number of such pairs.
    """
    with connect(folder, RemovalStore) as store:
        starts = store.tracked_starts(frames)
        label_of = video_labels(store, labels)
        classes = sorted({label.category for label in label_of.values()})
        fit = digest("true edges", str(seed), str(edges))
        members = {
            category: [id for video, (_, ids) in starts.items() if label_of[video].category == category for id in ids]
            for category in classes
        }
        store.write_parents(fit, {id: classes.index(category) for category in classes for id in members[category]})
        segments = [segment for segment, _ in starts.values()]
        pairs = {category: _pairs_across_groups(sorted(members[category]), label_of) for category in classes}
        total = sum(map(len, pairs.values()))
        random = np.random.default_rng(seed)
        for number, category in enumerate(classes):
            drawn = random.choice(len(pairs[category]), round(edges * len(pairs[category]) / total), replace=False)
            joined = [(*pairs[category][index], 1.0) for index in sorted(drawn.tolist())]
            parent = parent_id(fit, number)
            inter = InterEdges(parent, digest("true edges of", parent, *(f"{a} {b}" for a, b, _ in joined)), joined, [])
            segments.append(store.write_inter(inter))
        return store.publish(segments, frames, fit, {"features": "labels", "track_frames": frames}).id


def _pairs_across_groups(ids: Sequence[str], label_of: Labels) -> list[tuple[str, str]]:
    """Return all pairs of objects from two different look-alike groups."""
    groups = [label_of[video_of(id)].lookalike for id in ids]
    return [(ids[a], ids[b]) for a, b in combinations(range(len(ids)), 2) if groups[a] != groups[b]]


def video_labels(store: RemovalStore, labels: Path) -> Labels:
    """Return the label of each video in the graph."""
    files = {video: Path(unquote(urlparse(uri).path)) for video, uri in store.uris().items()}
    return labels_of(read_labels(labels), files, labels)


def write_crops(folder: DataFolder, labels: Path, out: Path, frames: int = 30) -> int:
    """Write both ends of each track as `out/<class>/<instance>_<number><a or b>.jpg`; return the number of tracks."""
    with connect(folder, RemovalStore) as store:
        label_of = video_labels(store, labels)
        starts = sorted(id for _, ids in store.tracked_starts(frames).values() for id in ids)
        locations = store.pixels([*starts, *(end_id(id, frames) for id in starts)])
    reader = ArchiveReader(folder.archive)
    for number, start in enumerate(starts):
        label = label_of[video_of(start)]
        (out / label.category).mkdir(parents=True, exist_ok=True)
        for end, id in (("a", start), ("b", end_id(start, frames))):
            path = out / label.category / f"{label.instance}_{number:05d}{end}.jpg"
            path.write_bytes(reader.read(locations[id]))
    reader.close()
    return len(starts)
