"""/v1/patches"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import Response

from api.problems import Responses, responses
from api.routes.dependencies import ServiceDep
from api.routes.schemas import PatchAnswer

router = APIRouter(prefix="/v1/patches", tags=["patches"])

Id = Annotated[str, Path(description="The id of a patch: <video>-<frame>-<x>-<y>-<side>[-e<frames>].", max_length=100)]
ITS_PATCHES = {
    part: {"operationId": "read_patch", "parameters": {"id": f"$response.body#/triplets/0/{part}/id"}}
    for part in ("anchor", "positive", "negative")
}
"""Where the answer with triplets leads to, for its description."""
ITS_IMAGE: Responses = {
    200: {"links": {"image": {"operationId": "read_image", "parameters": {"id": "$response.body#/id"}}}},
}
JPEG: Responses = {
    200: {"description": "A JPEG.", "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}
}


@router.get("/{id}", responses=ITS_IMAGE | responses(404), operation_id="read_patch")
async def read_patch(service: ServiceDep, id: Id) -> PatchAnswer:
    """One patch and what is joined to it."""
    return PatchAnswer.of(await service.patch(id))


@router.get("/{id}/image", operation_id="read_image", response_class=Response, responses=JPEG | responses(404))
async def read_image(service: ServiceDep, id: Id) -> Response:
    """The pixels of a patch."""
    return Response(await service.image(id), media_type="image/jpeg")
