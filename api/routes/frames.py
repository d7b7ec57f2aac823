"""/v1/snapshots/{id}/frames and /v1/frames"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from api.problems import refusals
from api.routes.dependencies import Position, Seed, ServiceDep, SnapshotId
from api.routes.negotiation import arrow_response, json_or_arrow, json_response, prefers_arrow
from api.routes.patches import JPEG
from api.routes.schemas import FramesResponse, frame_path
from api.routes.snapshots import REDIRECT, redirect_to_latest
from api.sampling.frames import FrameQuery, FrameSample
from api.wire.frames import FrameBatch, encode_frames
from api.wire.query import DEFAULT_COUNT, MAX_FRAMES

router = APIRouter(tags=["frames"])

FrameId = Annotated[str, Path(description="The id of a frame: <video>-<frame>.", max_length=100)]
LINKS = {"frame": {"operationId": "read_frame_image", "parameters": {"id": "$response.body#/frames/0/id"}}}
FORMS = json_or_arrow("frames", FramesResponse, LINKS)


class FrameParameters(BaseModel):
    """The parameters of a request for frames. They and the snapshot determine the answer."""

    model_config = ConfigDict(extra="forbid")

    seed: Seed = 0
    position: Position = 0
    count: int = Field(DEFAULT_COUNT, ge=1, le=MAX_FRAMES, description="The number of frames.")

    def query(self) -> FrameQuery:
        return FrameQuery(self.seed, self.position, self.count)


@router.get(
    "/v1/snapshots/latest/frames", status_code=307, responses=REDIRECT | refusals(404), response_class=RedirectResponse
)
async def latest_frames(request: Request, service: ServiceDep) -> RedirectResponse:
    """Redirect to the frames of the newest snapshot."""
    return await redirect_to_latest(service, "/frames", request.url.query)


@router.get("/v1/snapshots/{id}/frames", response_class=Response, responses=FORMS | refusals(404, 406, 410))
async def read_frames(
    request: Request, service: ServiceDep, id: SnapshotId, parameters: Annotated[FrameParameters, Query()]
) -> Response:
    """The whole frames at positions [position, position + count) of a snapshot's seeded order of frames."""
    query = parameters.query()
    if prefers_arrow(request, "frames"):
        sample, images = await service.frames_with_images(id, query)
        return arrow_response(*encode_frames(frame_batch(id, query, sample, images)))
    sample = await service.frames(id, query)
    return json_response({"snapshot": id, "query": query.as_dict(), "frames": frame_rows(sample)})


@router.get(
    "/v1/frames/{id}/image", operation_id="read_frame_image", response_class=Response, responses=JPEG | refusals(404)
)
async def read_frame_image(service: ServiceDep, id: FrameId) -> Response:
    """The pixels of a whole frame."""
    return Response(await service.frame_image(id), media_type="image/jpeg")


def frame_batch(snapshot: str, query: FrameQuery, sample: FrameSample, images: list[memoryview]) -> FrameBatch:
    return FrameBatch(
        snapshot=snapshot,
        query=query.as_dict(),
        position=sample.position,
        epoch=sample.epoch,
        frame_id=sample.frames.id.tolist(),
        images=images,
    )


def frame_rows(sample: FrameSample) -> list[dict[str, Any]]:
    """Return the frames as in FramesResponse."""
    rows = zip(sample.position.tolist(), sample.epoch.tolist(), sample.frames.id, strict=True)
    return [{"position": position, "epoch": epoch, "id": id, "image": frame_path(id)} for position, epoch, id in rows]
