"""One parent's members, joined: its child clusters and INTER edges, with copies told from look-alikes (Sec. 4.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from graphdb.model import Copy, InterEdges, LinkedParent, digest, video_of
from ingest.clustering.children import link_parent
from ingest.clustering.cluster_model import cached_fit
from ingest.clustering.kmeans import Stored, assign
from ingest.clustering.near_duplicates import among, copies, originals
from ingest.features.storage import read_features, read_rows
from ingest.settings import ClusterSettings


class Member(NamedTuple):
    """A start, and where its features are: the file's name, and the row in it."""

    id: str
    file: str
    row: int


@dataclass(frozen=True, slots=True)
class LinkTask:
    """One parent and its members, in id order."""

    parent: str
    inputs: str
    members: list[Member]
    features: Path
    views: Path
    fits: Path
    fit: str
    """Its id: a worker reads the fit once, from `fits`."""
    copies: Sequence[Copy] = ()
    originals: Mapping[str, str] | None = None
    """Which video stands for one that is a copy; None: to be found among the members."""


def link(task: LinkTask) -> InterEdges:
    """The child clusters and INTER edges of one parent, and the copies found on the way.

    Copies show up as look-alikes, so they are looked for among the edges; once those found compete as one, others may
    show up, until none does. Raises DamagedFit, DamagedFile.
    """
    fit = cached_fit(task.fits, task.fit)
    wanted = [(member.file, member.row) for member in task.members]
    features = fit.compared(read_rows(task.features, fit.extractor, wanted))
    if task.originals is not None or fit.settings.same_video == "allow":
        return replace(joined(task, features, fit.settings, task.originals or {}), copies=task.copies)
    found: list[Copy] = []
    while True:
        inter = joined(task, features, fit.settings, originals(found))
        more = copies(task.views, inter.edges, fit.settings.copy_similarity)
        if not more:
            return replace(inter, copies=sorted(found))
        found += more


def joined(task: LinkTask, features: Stored, settings: ClusterSettings, originals: Mapping[str, str]) -> InterEdges:
    """The child clusters and INTER edges of a parent, whose members have these features; copies compete as one."""
    ids = [member.id for member in task.members]
    videos = [originals.get(video, video) for video in map(video_of, ids)]
    linked = link_parent(ids, videos, features, settings)
    edges = [
        (ids[a], ids[b], round(float(similarity), 6))
        for (a, b), similarity in zip(linked.edges.tolist(), linked.similarity, strict=True)
    ]
    children = [tuple(sorted(ids[row] for row in child)) for child in linked.children.tolist()]
    return InterEdges(task.parent, task.inputs, sorted(edges), sorted(children))


def with_known_duplicates(task: LinkTask, linked: LinkedParent, every: Mapping[str, str]) -> LinkTask:
    """The task itself, or, where copies that other parents found concern it, one that knows of them."""
    videos = [video_of(member.id) for member in task.members]
    own = among(every, videos)
    if own == among(originals(linked.copies), videos):
        return task
    inputs = digest(task.inputs, *(f"{video} is {original}" for video, original in sorted(own.items())))
    return replace(task, inputs=inputs, copies=linked.copies, originals=own)


BLOCK = 64
"""Videos a task: enough to make the trip to a worker worth it, few enough to keep its answer small."""


@dataclass(frozen=True, slots=True)
class PlaceTask:
    """Files of features by name, one a video, and the fit to place their starts under."""

    names: tuple[str, ...]
    fit: str
    fits: Path
    features: Path
    extractor: str


def place_tasks(names: Sequence[str], fit: str, fits: Path, features: Path, extractor: str) -> Iterator[PlaceTask]:
    for i in range(0, len(names), BLOCK):
        yield PlaceTask(tuple(names[i : i + BLOCK]), fit, fits, features, extractor)


def place(task: PlaceTask) -> list[list[int]]:
    """Of each file, the parent number of every start in id order; UNCLUSTERED for one that cannot be compared.

    Raises DamagedFit, DamagedFile.
    """
    fit = cached_fit(task.fits, task.fit)
    files = (read_features(task.features, task.extractor, name) for name in task.names)
    return [assign(fit.compared(rows), fit.centroids).tolist() for rows in files]
