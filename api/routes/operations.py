"""/healthz, /readyz, /metrics and the pages that explain problems"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from api import metrics
from api.problems import NAMED, Responses, responses
from api.routes.dependencies import ServiceDep
from api.routes.schemas import AliveAnswer, ProblemKindAnswer, ReadyAnswer

router = APIRouter(tags=["health"])

METRICS: Responses = {200: {"description": "Counts.", "content": {"text/plain": {"schema": {"type": "string"}}}}}


@router.get("/healthz", responses=responses())
async def healthz() -> AliveAnswer:
    """The process is up."""
    return AliveAnswer(status="up")


@router.get("/readyz", responses=responses())
async def readyz(service: ServiceDep) -> ReadyAnswer:
    """The graph answers and the archive can be read."""
    return ReadyAnswer(status="ready", snapshots=await service.ready())


@router.get("/metrics", responses=METRICS | responses(), response_class=Response)
async def read_metrics() -> Response:
    """What the service counts about itself, over all its workers, for Prometheus. A key needs the scope `admin`."""
    return Response(metrics.page(), media_type=metrics.MEDIA_TYPE)


@router.get("/problems/{name}", responses=responses(404))
async def read_problem(name: Annotated[str, Path(examples=["snapshot-gone"])]) -> ProblemKindAnswer:
    """What the `type` of a problem means."""
    if name not in NAMED:
        raise HTTPException(404, f"There is no problem of this name; there are {', '.join(NAMED)}.")
    kind = NAMED[name]
    return ProblemKindAnswer(type=kind.type, title=kind.title, status=kind.status, meaning=kind.meaning)
