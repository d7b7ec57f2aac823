"""/v1/snapshots/{id}/frames and /v1/frames"""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from api.problems import Responses, responses
from api.routes.dependencies import ServiceDep
from api.routes.negotiation import preferred
from api.routes.patches import JPEG
from api.routes.schemas import FramesAnswer, frame_path
from api.routes.snapshots import REDIRECT, Id, redirect
from api.routes.triplets import JSON, headers
from api.sampling.frames import FrameQuery, FrameSample
from api.sampling.order import MAX_POSITION
from api.wire import frames as frame_wire
from api.wire.arrow import MEDIA_TYPE

router = APIRouter(tags=["frames"])

FrameId = Annotated[str, Path(description="The id of a frame: <video>-<frame>.", max_length=100)]
FORMS: Responses = {
    200: {
        "model": FramesAnswer,
        "description": "The frames: JSON with links, or one Arrow stream with the images.",
        "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        "links": {
            "frame": {"operationId": "read_frame_image", "parameters": {"id": "$response.body#/frames/0/id"}},
        },
    }
}


class FramesQuery(BaseModel):
    """Which frames. They depend on nothing but this and the snapshot."""

    model_config = ConfigDict(extra="forbid")

    seed: int = Field(0, ge=0, lt=2**63, description="Names one order of the frames.")
    position: int = Field(0, ge=0, le=MAX_POSITION, description="Where in the endless order to begin.")
    count: int = Field(100, ge=1, le=1024, description="How many frames.")

    def parsed(self) -> FrameQuery:
        return FrameQuery(self.seed, self.position, self.count)


@router.get(
    "/v1/snapshots/latest/frames", status_code=307, responses=REDIRECT | responses(404), response_class=RedirectResponse
)
async def latest_frames(request: Request, service: ServiceDep) -> RedirectResponse:
    """Where the frames of the newest snapshot are."""
    return redirect(f"/v1/snapshots/{(await service.snapshot('latest')).id}/frames", request.url.query)


@router.get("/v1/snapshots/{id}/frames", response_class=Response, responses=FORMS | responses(404, 406, 410))
async def read_frames(
    request: Request, service: ServiceDep, id: Id, query: Annotated[FramesQuery, Query()]
) -> Response:
    """The whole frames at positions [position, position + count) of a snapshot's seeded order of them."""
    form = preferred(request.headers.get("accept"), (JSON, MEDIA_TYPE))
    if form is None:
        raise HTTPException(406, f"Frames come as {JSON} or {MEDIA_TYPE}.")
    asked = query.parsed()
    if form == MEDIA_TYPE:
        return as_arrow(id, asked, *await service.frame_pixels(id, asked))
    return as_json(id, asked, await service.frames(id, asked))


@router.get(
    "/v1/frames/{id}/image", operation_id="read_frame_image", response_class=Response, responses=JPEG | responses(404)
)
async def read_frame_image(service: ServiceDep, id: FrameId) -> Response:
    """The pixels of a whole frame."""
    return Response(await service.frame_image(id), media_type="image/jpeg")


def as_arrow(snapshot: str, query: FrameQuery, sample: FrameSample, images: list[memoryview]) -> Response:
    body, digest = frame_wire.encode(
        frame_wire.FrameBatch(
            snapshot=snapshot,
            query=query.as_dict(),
            position=sample.position,
            epoch=sample.epoch,
            frame_id=sample.frames.id.tolist(),
            images=images,
        )
    )
    return Response(body, headers=headers(digest), media_type=MEDIA_TYPE)


def as_json(snapshot: str, query: FrameQuery, sample: FrameSample) -> Response:
    rows = zip(sample.position.tolist(), sample.epoch.tolist(), sample.frames.id, strict=True)
    frames = [{"position": p, "epoch": e, "id": id, "image": frame_path(id)} for p, e, id in rows]
    response = JSONResponse({"snapshot": snapshot, "query": query.as_dict(), "frames": frames})
    response.headers.update(headers(sha256(response.body).hexdigest()))
    return response
