"""/v1/patches"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import Response

from api.problems import Responses, refusals
from api.routes.dependencies import ServiceDep
from api.routes.schemas import PatchResponse

router = APIRouter(prefix="/v1/patches", tags=["patches"])

PatchId = Annotated[
    str, Path(description="The id of a patch: <video>-<frame>-<x>-<y>-<side>[-e<frames>].", max_length=100)
]
PATCH_LINKS = {
    role: {"operationId": "read_patch", "parameters": {"id": f"$response.body#/triplets/0/{role}/id"}}
    for role in ("anchor", "positive", "negative")
}
"""The OpenAPI links from a response with triplets to its patches."""
IMAGE_LINK: Responses = {
    200: {"links": {"image": {"operationId": "read_image", "parameters": {"id": "$response.body#/id"}}}},
}
JPEG: Responses = {
    200: {"description": "A JPEG.", "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}
}


@router.get("/{id}", responses=IMAGE_LINK | refusals(404), operation_id="read_patch")
async def read_patch(service: ServiceDep, id: PatchId) -> PatchResponse:
    """One patch, its parents and its neighbors."""
    return PatchResponse.of(await service.patch(id))


@router.get("/{id}/image", operation_id="read_image", response_class=Response, responses=JPEG | refusals(404))
async def read_image(service: ServiceDep, id: PatchId) -> Response:
    """The pixels of a patch."""
    return Response(await service.image(id), media_type="image/jpeg")
