"""/v1/snapshots/{id}/triplets"""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from api import metrics
from api.problems import Responses, responses
from api.routes.dependencies import ServiceDep
from api.routes.negotiation import preferred
from api.routes.patches import ITS_PATCHES
from api.routes.schemas import TripletsAnswer, image_path
from api.routes.snapshots import REDIRECT, Id, redirect
from api.sampling import triplets as sampling
from api.sampling.order import MAX_POSITION, Mix
from api.sampling.snapshot_index import path
from api.sampling.triplets import Sample
from api.wire import triplets as triplet_wire
from graphdb.model import Patches, start_of

router = APIRouter(prefix="/v1/snapshots", tags=["triplets"])

JSON = "application/json"
MAX_COUNT = 4096
"""Pairs of a request: some 33 MB of images."""
FORMS: Responses = {
    200: {
        "model": TripletsAnswer,
        "description": "The triplets: JSON with links, or one Arrow stream with the images.",
        "content": {triplet_wire.MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        "links": ITS_PATCHES,
    }
}


class TripletQuery(BaseModel):
    """Which triplets. They depend on nothing but this and the snapshot."""

    model_config = ConfigDict(extra="forbid")

    seed: int = Field(0, ge=0, lt=2**63, description="Names one order of the pairs.")
    mix: str = Field(
        "transitive:7,intra:2",
        max_length=60,
        description="How often each kind (transitive, intra, inter) comes; the first sets the epoch.",
    )
    negatives: Literal["batch", "graph"] = Field(
        "batch", description="From the images of this request, or from the whole snapshot; always of another group."
    )
    position: int = Field(0, ge=0, le=MAX_POSITION, description="Where in the endless order to begin.")
    count: int = Field(100, ge=1, le=MAX_COUNT, description="How many pairs.")

    def parsed(self) -> sampling.Query:
        return sampling.Query(self.seed, Mix.parse(self.mix), self.negatives, self.position, self.count)


@router.get("/latest/triplets", status_code=307, responses=REDIRECT | responses(404), response_class=RedirectResponse)
async def latest_triplets(request: Request, service: ServiceDep) -> RedirectResponse:
    """Where the triplets of the newest snapshot are."""
    return redirect(f"/v1/snapshots/{(await service.snapshot('latest')).id}/triplets", request.url.query)


@router.get("/{id}/triplets", response_class=Response, responses=FORMS | responses(404, 406, 410))
async def read_triplets(
    request: Request, service: ServiceDep, id: Id, query: Annotated[TripletQuery, Query()]
) -> Response:
    """The pairs at positions [position, position + count) of a snapshot's seeded order, each with a negative."""
    form = preferred(request.headers.get("accept"), (JSON, triplet_wire.MEDIA_TYPE))
    if form is None:
        raise HTTPException(406, f"Triplets come as {JSON} or {triplet_wire.MEDIA_TYPE}.")
    asked = query.parsed()
    metrics.ROWS.inc(asked.count)
    if form == triplet_wire.MEDIA_TYPE:
        return as_arrow(id, asked, *await service.pixels(id, asked))
    return as_json(id, asked, await service.sample(id, asked))


def as_arrow(snapshot: str, query: sampling.Query, sample: Sample, images: list[memoryview]) -> Response:
    anchor, positive, negative = parts(sample)
    batch = triplet_wire.TripletBatch(
        snapshot=snapshot,
        query=query.as_dict(),
        position=sample.position,
        epoch=sample.epoch,
        kind=sample.kind.tolist(),
        anchor_id=anchor.id.tolist(),
        positive_id=positive.id.tolist(),
        negative_id=negative.id.tolist(),
        anchor_group=anchor.group.tolist(),
        positive_group=positive.group.tolist(),
        negative_group=negative.group.tolist(),
        images=images,
        negative_idx=sample.negative_idx,
    )
    body, digest = triplet_wire.encode(batch)
    return Response(body, headers=headers(digest), media_type=triplet_wire.MEDIA_TYPE)


def as_json(snapshot: str, query: sampling.Query, sample: Sample) -> Response:
    rows = zip(sample.position.tolist(), sample.epoch.tolist(), sample.kind, sample.similarity.tolist(), strict=True)
    images = zip(*(map(image, part.id, part.group) for part in parts(sample)), strict=True)
    triplets = [
        {
            "position": position,
            "epoch": epoch,
            "kind": kind,
            "anchor": anchor,
            "positive": positive,
            "negative": negative,
            "path": steps(anchor["id"], positive["id"], similarity),
        }
        for (position, epoch, kind, similarity), (anchor, positive, negative) in zip(rows, images, strict=True)
    ]
    response = JSONResponse({"snapshot": snapshot, "query": query.as_dict(), "triplets": triplets})
    response.headers.update(headers(sha256(response.body).hexdigest()))
    return response


def headers(digest: str) -> dict[str, str]:
    # To be asked for again each time: a snapshot can end.
    return {"ETag": f'"{digest}"', "Cache-Control": "no-cache", "Vary": "Accept"}


def parts(sample: Sample) -> tuple[Patches, Patches, Patches]:
    """The anchors, the positives and the negatives, a row each."""
    count = len(sample.position)
    rows = (slice(count), slice(count, 2 * count), sample.negative_idx)
    anchor, positive, negative = (sample.patches.at(of_part) for of_part in rows)
    return anchor, positive, negative


def image(id: str, group: str) -> dict[str, str]:
    """An ImageAnswer; a thousand triplets hold three thousand, which the model would take long to check."""
    return {"id": id, "group": group, "image": image_path(id)}


def steps(anchor: str, positive: str, similarity: float) -> list[dict[str, Any]]:
    """The relationships from the anchor to the positive: INTER joins two starts, INTRA a start and its end."""
    walked: list[dict[str, Any]] = []
    for one, other in pairwise(path(anchor, positive)):
        inter = {one, other} == {start_of(one), start_of(other)}
        walked.append(
            {"type": "INTER", "to": other, "similarity": similarity} if inter else {"type": "INTRA", "to": other}
        )
    return walked
