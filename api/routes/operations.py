"""/healthz, /readyz, /metrics, and /problems, the pages that explain problem types"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from api import metrics
from api.problems import PROBLEM_TYPES, Responses, refusals
from api.routes.dependencies import ServiceDep
from api.routes.schemas import LivenessResponse, ProblemTypeResponse, ReadinessResponse

router = APIRouter(tags=["health"])

METRICS: Responses = {200: {"description": "Metrics.", "content": {"text/plain": {"schema": {"type": "string"}}}}}


@router.get("/healthz", responses=refusals())
async def healthz() -> LivenessResponse:
    """Whether the process is up."""
    return LivenessResponse(status="up")


@router.get("/readyz", responses=refusals())
async def readyz(service: ServiceDep) -> ReadinessResponse:
    """Whether the graph answers and the archive can be read."""
    return ReadinessResponse(status="ready", snapshots=await service.ready())


@router.get("/metrics", responses=METRICS | refusals(), response_class=Response)
async def read_metrics() -> Response:
    """The metrics of all workers, for Prometheus. A key needs the scope `admin`."""
    return Response(metrics.page(), media_type=metrics.MEDIA_TYPE)


@router.get("/problems/{name}", responses=refusals(404))
async def read_problem(name: Annotated[str, Path(examples=["snapshot-gone"])]) -> ProblemTypeResponse:
    """What a problem type means."""
    if name not in PROBLEM_TYPES:
        raise HTTPException(404, f"There is no problem type {name[:60]!r}. The types are {', '.join(PROBLEM_TYPES)}.")
    found = PROBLEM_TYPES[name]
    return ProblemTypeResponse(type=found.type, title=found.title, status=found.status, meaning=found.meaning)
