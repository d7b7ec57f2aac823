"""How a route gets at the service."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from api.service import Service


# async, though nothing in it waits: FastAPI would send a plain function to a thread and back.
async def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(service_of)]
