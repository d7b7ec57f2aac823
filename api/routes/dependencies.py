"""What routes take from a request: the service, and parameters that several routes share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Request
from pydantic import Field

from api.sampling.order import MAX_POSITION
from api.service import Service


# async, although it never waits: FastAPI would run a plain function in another thread.
async def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(service_of)]
SnapshotId = Annotated[str, Path(description="The id of a snapshot.", max_length=64)]
Seed = Annotated[int, Field(ge=0, lt=2**63, description="Determines the order.")]
Position = Annotated[int, Field(ge=0, le=MAX_POSITION, description="The first position in the endless order.")]
