"""The JSON responses, as OpenAPI describes them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from graphdb.model import PatchDetail, Snapshot


class Counts(BaseModel):
    videos: int
    patches: int
    intra: int
    inter: int
    transitive: int
    children: int
    parents: int


class SnapshotResponse(BaseModel):
    """A published snapshot, from which triplets are sampled. Times are ISO 8601, UTC."""

    id: str
    created: str
    published: str
    fit: str | None
    frames: int
    counts: Counts
    settings: dict[str, Any]
    latest: bool

    @classmethod
    def of(cls, snapshot: Snapshot, latest: bool) -> SnapshotResponse:
        names = ("id", "created", "published", "fit", "frames", "settings")
        counts = Counts(**{name: getattr(snapshot.counts, name) for name in Counts.model_fields})
        return cls(**{name: getattr(snapshot, name) for name in names}, counts=counts, latest=latest)


class SnapshotsResponse(BaseModel):
    """All published snapshots, newest first."""

    snapshots: list[SnapshotResponse]


class Box(BaseModel):
    """A square, in pixels of the frame as it is displayed."""

    x: int
    y: int
    side: int


class IntraNeighbor(BaseModel):
    id: str
    frames: int


class InterNeighbor(BaseModel):
    id: str
    similarity: float


class Video(BaseModel):
    id: str
    uri: str


class PatchResponse(BaseModel):
    """A patch, its parents and its neighbors. `time` is in seconds."""

    id: str
    role: str
    video: Video
    frame: int
    time: float
    box: Box
    motion: float
    image: str
    parents: list[str]
    intra: list[IntraNeighbor]
    inter: list[InterNeighbor]

    @classmethod
    def of(cls, detail: PatchDetail) -> PatchResponse:
        patch = detail.patch
        return cls(
            id=patch.id,
            role=detail.role,
            video=Video(id=detail.video, uri=detail.uri),
            frame=patch.frame,
            time=patch.time,
            box=Box(x=patch.x, y=patch.y, side=patch.side),
            motion=patch.motion,
            image=image_path(patch.id),
            parents=list(detail.parents),
            intra=[IntraNeighbor(id=one.id, frames=one.frames or 0) for one in detail.intra],
            inter=[InterNeighbor(id=one.id, similarity=one.similarity or 0.0) for one in detail.inter],
        )


class TripletPatch(BaseModel):
    """A patch in a triplet."""

    id: str
    group: str
    image: str


class Step(BaseModel):
    """One relationship of a path. Only INTER has a similarity."""

    type: str
    to: str
    similarity: float | None = None


class Triplet(BaseModel):
    """A pair with its negative. `path` leads from the anchor to the positive."""

    position: int
    epoch: int
    kind: str
    anchor: TripletPatch
    positive: TripletPatch
    negative: TripletPatch
    path: list[Step]


class TripletsQuery(BaseModel):
    seed: int
    mix: str
    negatives: str
    position: int
    count: int


class TripletsResponse(BaseModel):
    """The triplets at positions [position, position + count) of the order."""

    snapshot: str
    query: TripletsQuery
    triplets: list[Triplet]


class Frame(BaseModel):
    """A whole frame in which a track of the snapshot starts."""

    position: int
    epoch: int
    id: str
    image: str


class FramesQuery(BaseModel):
    seed: int
    position: int
    count: int


class FramesResponse(BaseModel):
    """The frames at positions [position, position + count) of the order of frames."""

    snapshot: str
    query: FramesQuery
    frames: list[Frame]


class LivenessResponse(BaseModel):
    status: str


class ReadinessResponse(BaseModel):
    """`snapshots` is the number of published snapshots."""

    status: str
    snapshots: int


class ProblemTypeResponse(BaseModel):
    """What a `type` in problem details means."""

    type: str
    title: str
    status: int
    meaning: str


def image_path(id: str) -> str:
    return f"/v1/patches/{id}/image"


def frame_path(id: str) -> str:
    return f"/v1/frames/{id}/image"
