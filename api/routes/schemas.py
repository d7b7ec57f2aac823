"""The shapes of the JSON answers, as OpenAPI describes them."""

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


class SnapshotAnswer(BaseModel):
    """A published snapshot: what triplets are sampled from. Times are ISO 8601, UTC."""

    id: str
    created: str
    published: str
    fit: str | None
    frames: int
    counts: Counts
    settings: dict[str, Any]
    latest: bool

    @classmethod
    def of(cls, snapshot: Snapshot, latest: bool) -> SnapshotAnswer:
        names = ("id", "created", "published", "fit", "frames", "settings")
        counts = Counts(**{name: getattr(snapshot.counts, name) for name in Counts.model_fields})
        return cls(**{name: getattr(snapshot, name) for name in names}, counts=counts, latest=latest)


class SnapshotsAnswer(BaseModel):
    """Newest first."""

    snapshots: list[SnapshotAnswer]


class Box(BaseModel):
    """A square in pixels of the frame as shown."""

    x: int
    y: int
    side: int


class IntraNeighbor(BaseModel):
    id: str
    frames: int


class InterNeighbor(BaseModel):
    id: str
    similarity: float


class VideoAnswer(BaseModel):
    id: str
    uri: str


class PatchAnswer(BaseModel):
    """A crop of a frame, with what is joined to it. `time` is in seconds."""

    id: str
    role: str
    video: VideoAnswer
    frame: int
    time: float
    box: Box
    motion: float
    image: str
    parents: list[str]
    intra: list[IntraNeighbor]
    inter: list[InterNeighbor]

    @classmethod
    def of(cls, detail: PatchDetail) -> PatchAnswer:
        patch = detail.patch
        return cls(
            id=patch.id,
            role=detail.role,
            video=VideoAnswer(id=detail.video, uri=detail.uri),
            frame=patch.frame,
            time=patch.time,
            box=Box(x=patch.x, y=patch.y, side=patch.side),
            motion=patch.motion,
            image=image_path(patch.id),
            parents=list(detail.parents),
            intra=[IntraNeighbor(id=one.id, frames=one.frames or 0) for one in detail.intra],
            inter=[InterNeighbor(id=one.id, similarity=one.similarity or 0.0) for one in detail.inter],
        )


class ImageAnswer(BaseModel):
    """A patch in a triplet."""

    id: str
    group: str
    image: str


class Step(BaseModel):
    """One relationship of a path; INTER has a similarity."""

    type: str
    to: str
    similarity: float | None = None


class TripletAnswer(BaseModel):
    """A pair with its negative; `path` leads from the anchor to the positive."""

    position: int
    epoch: int
    kind: str
    anchor: ImageAnswer
    positive: ImageAnswer
    negative: ImageAnswer
    path: list[Step]


class QueryAnswer(BaseModel):
    seed: int
    mix: str
    negatives: str
    position: int
    count: int


class TripletsAnswer(BaseModel):
    """What stands at positions [position, position + count) of the order."""

    snapshot: str
    query: QueryAnswer
    triplets: list[TripletAnswer]


class FrameAnswer(BaseModel):
    """A whole frame: a track of the snapshot starts in it."""

    position: int
    epoch: int
    id: str
    image: str


class FramesQueryAnswer(BaseModel):
    seed: int
    position: int
    count: int


class FramesAnswer(BaseModel):
    """What stands at positions [position, position + count) of the order of frames."""

    snapshot: str
    query: FramesQueryAnswer
    frames: list[FrameAnswer]


class AliveAnswer(BaseModel):
    status: str


class ReadyAnswer(BaseModel):
    """`snapshots` is how many are published."""

    status: str
    snapshots: int


class ProblemKindAnswer(BaseModel):
    """What a `type` of problem details means."""

    type: str
    title: str
    status: int
    meaning: str


def image_path(id: str) -> str:
    return f"/v1/patches/{id}/image"


def frame_path(id: str) -> str:
    return f"/v1/frames/{id}/image"
