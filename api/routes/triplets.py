"""/v1/snapshots/{id}/triplets"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from api import metrics
from api.problems import refusals
from api.routes.dependencies import Position, Seed, ServiceDep, SnapshotId
from api.routes.negotiation import arrow_response, json_or_arrow, json_response, prefers_arrow
from api.routes.patches import PATCH_LINKS
from api.routes.schemas import TripletsResponse, image_path
from api.routes.snapshots import REDIRECT, redirect_to_latest
from api.sampling.order import MAX_MIX, Mix
from api.sampling.snapshot_index import pair_path
from api.sampling.triplets import TripletQuery, TripletSample
from api.wire.query import DEFAULT_COUNT, DEFAULT_MIX, MAX_TRIPLETS
from api.wire.triplets import TripletBatch, encode_triplets
from graphdb.model import Patches, start_of

router = APIRouter(prefix="/v1/snapshots", tags=["triplets"])

FORMS = json_or_arrow("triplets", TripletsResponse, PATCH_LINKS)


class TripletParameters(BaseModel):
    """The parameters of a request for triplets. They and the snapshot determine the answer."""

    model_config = ConfigDict(extra="forbid")

    seed: Seed = 0
    mix: str = Field(
        DEFAULT_MIX,
        max_length=MAX_MIX,
        description="Kinds of pairs (transitive, intra, inter) and their weights; the first kind sets the epoch.",
    )
    negatives: Literal["batch", "graph"] = Field(
        "batch",
        description="Take negatives from the images of this request, or from the whole snapshot; always of another "
        "group than the anchor's.",
    )
    position: Position = 0
    count: int = Field(DEFAULT_COUNT, ge=1, le=MAX_TRIPLETS, description="The number of pairs.")

    def query(self) -> TripletQuery:
        return TripletQuery(self.seed, Mix.parse(self.mix), self.negatives, self.position, self.count)


@router.get("/latest/triplets", status_code=307, responses=REDIRECT | refusals(404), response_class=RedirectResponse)
async def latest_triplets(request: Request, service: ServiceDep) -> RedirectResponse:
    """Redirect to the triplets of the newest snapshot."""
    return await redirect_to_latest(service, "/triplets", request.url.query)


@router.get("/{id}/triplets", response_class=Response, responses=FORMS | refusals(404, 406, 410))
async def read_triplets(
    request: Request, service: ServiceDep, id: SnapshotId, parameters: Annotated[TripletParameters, Query()]
) -> Response:
    """The pairs at positions [position, position + count) of a snapshot's seeded order, each with a negative."""
    is_arrow = prefers_arrow(request, "triplets")
    query = parameters.query()
    metrics.ROWS.inc(query.count)
    if is_arrow:
        sample, images = await service.triplets_with_images(id, query)
        return arrow_response(*encode_triplets(triplet_batch(id, query, sample, images)))
    sample = await service.triplets(id, query)
    return json_response({"snapshot": id, "query": query.as_dict(), "triplets": triplet_rows(sample)})


def triplet_batch(snapshot: str, query: TripletQuery, sample: TripletSample, images: list[memoryview]) -> TripletBatch:
    anchor, positive, negative = columns(sample)
    return TripletBatch(
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


def triplet_rows(sample: TripletSample) -> list[dict[str, Any]]:
    """Return the triplets as in TripletsResponse."""
    rows = zip(sample.position.tolist(), sample.epoch.tolist(), sample.kind, sample.similarity.tolist(), strict=True)
    patches = zip(*(map(triplet_patch, column.id, column.group) for column in columns(sample)), strict=True)
    return [
        {
            "position": position,
            "epoch": epoch,
            "kind": kind,
            "anchor": anchor,
            "positive": positive,
            "negative": negative,
            "path": steps(anchor["id"], positive["id"], similarity),
        }
        for (position, epoch, kind, similarity), (anchor, positive, negative) in zip(rows, patches, strict=True)
    ]


def columns(sample: TripletSample) -> tuple[Patches, Patches, Patches]:
    """Return the anchors, the positives and the negatives, one row a triplet."""
    count = len(sample.position)
    rows = (slice(count), slice(count, 2 * count), sample.negative_idx)
    anchor, positive, negative = (sample.patches.at(of_column) for of_column in rows)
    return anchor, positive, negative


def triplet_patch(id: str, group: str) -> dict[str, str]:
    """Return a TripletPatch as a dictionary: validating three thousand models for a thousand triplets is slow."""
    return {"id": id, "group": group, "image": image_path(id)}


def steps(anchor: str, positive: str, similarity: float) -> list[dict[str, Any]]:
    """Return the path from the anchor to the positive. INTER connects two starts, INTRA a start and its end."""
    path: list[dict[str, Any]] = []
    for one, other in pairwise(pair_path(anchor, positive)):
        if {one, other} == {start_of(one), start_of(other)}:
            path.append({"type": "INTER", "to": other, "similarity": similarity})
        else:
            path.append({"type": "INTRA", "to": other})
    return path
