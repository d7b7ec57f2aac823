"""The work that clustering hands to worker processes: assign videos to parents, and link one parent (Sec. 4.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from graphdb.model import Copy, InterEdges, LinkedParent, Take, digest, video_of
from ingest.clustering.children import find_child_clusters
from ingest.clustering.cluster_model import cached_model
from ingest.clustering.competition import Footage
from ingest.clustering.kmeans import FeatureArray, assign
from ingest.clustering.near_duplicates import canonical_among, canonical_videos, find_copies, similar_frames
from ingest.features.storage import read_features, read_rows
from ingest.settings import ClusterSettings

VIDEOS_PER_TASK = 64
"""Enough videos to outweigh the cost of a task, few enough to keep its result small."""


@dataclass(frozen=True, slots=True)
class AssignTask:
    """Names of feature files, one a video, and the cluster model to assign their starts by."""

    names: tuple[str, ...]
    model: str
    """Id of the cluster model: a worker reads the model itself, from the folder `models`."""
    models: Path
    features: Path
    extractor: str


def assign_tasks(
    names: Sequence[str], model: str, models: Path, features: Path, extractor: str
) -> Iterator[AssignTask]:
    """Split the files into tasks of VIDEOS_PER_TASK."""
    for i in range(0, len(names), VIDEOS_PER_TASK):
        yield AssignTask(tuple(names[i : i + VIDEOS_PER_TASK]), model, models, features, extractor)


def assign_videos(task: AssignTask) -> list[list[int]]:
    """Compute the parent number of every start of each file, in id order; UNCLUSTERED where the feature is not usable.

    Raises DamagedFile.
    """
    model = cached_model(task.models, task.model)
    files = (read_features(task.features, task.extractor, name) for name in task.names)
    return [assign(model.transform(rows), model.centroids).tolist() for rows in files]


class Member(NamedTuple):
    """A start of a parent, and where its feature is stored: the name of the file, and the row in it."""

    id: str
    file: str
    row: int


@dataclass(frozen=True, slots=True)
class LinkTask:
    """One parent and its members, in id order."""

    parent: str
    inputs: str
    """Digest of all that the result depends on."""
    members: list[Member]
    features: Path
    views: Path
    models: Path
    model: str
    copies: Sequence[Copy] = ()
    canonical: Mapping[str, str] | None = None
    """Canonical video of each that repeats another. None: to be found among the members."""
    takes: Mapping[str, Take] = field(default_factory=dict)
    """The takes of members whose shot is known; only with `same_video` "shot"."""


def link_parent(task: LinkTask) -> InterEdges:
    """Compute the child clusters and INTER edges of one parent, and find copies among its videos and their shots.

    Copies look alike, so edges join them. The copies that are found then count as one video, and shots that show the
    same view as one shot. This can bring up others: it is repeated until no new ones are found. Raises DamagedFile.
    """
    model = cached_model(task.models, task.model)
    wanted = [(member.file, member.row) for member in task.members]
    features = model.transform(read_rows(task.features, model.extractor, wanted))
    footage = Footage(task.canonical or {}, task.takes)
    settled = task.canonical is not None and not task.takes
    if settled or model.settings.same_video == "allow":
        return replace(inter_edges(task, features, model.settings, footage), copies=task.copies)
    copies = list(task.copies)
    while True:
        inter = inter_edges(task, features, model.settings, footage)
        alike = similar_frames(task.views, inter.edges, model.settings.copy_similarity)
        new = [] if task.canonical is not None else find_copies(alike)
        # Shots of one view still compete, some time apart: they may be found again.
        shots = footage.shots_of((a, b) for a, b, _ in alike if video_of(a) == video_of(b)) - footage.repeated
        if not new and not shots:
            return replace(inter, copies=sorted(copies))
        copies += new
        canonical = canonical_videos(copies) if task.canonical is None else task.canonical
        footage = Footage(canonical, task.takes, footage.repeated | shots)


def inter_edges(task: LinkTask, features: FeatureArray, settings: ClusterSettings, footage: Footage) -> InterEdges:
    """Compute the child clusters and INTER edges of a parent from the features of its members."""
    ids = [member.id for member in task.members]
    found = find_child_clusters(ids, features, settings, footage)
    edges = [
        (ids[a], ids[b], round(float(similarity), 6))
        for (a, b), similarity in zip(found.edges.tolist(), found.similarity, strict=True)
    ]
    children = [tuple(sorted(ids[row] for row in child)) for child in found.children.tolist()]
    return InterEdges(task.parent, task.inputs, sorted(edges), sorted(children))


def with_known_duplicates(task: LinkTask, linked: LinkedParent, canonical: Mapping[str, str]) -> LinkTask:
    """Add the copies that all parents found; the same task where this parent found all that concern it."""
    videos = [video_of(member.id) for member in task.members]
    own = canonical_among(canonical, videos)
    if own == canonical_among(canonical_videos(linked.copies), videos):
        return task
    inputs = digest(task.inputs, *(f"{video} is {chosen}" for video, chosen in sorted(own.items())))
    return replace(task, inputs=inputs, copies=linked.copies, canonical=own)
