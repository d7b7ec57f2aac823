"""/healthz, /readyz and the pages that explain problems"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.exceptions import HTTPException

from api.answers import AliveAnswer, ProblemKindAnswer, ReadyAnswer
from api.problems import NAMED, responses
from api.routes.state import ServiceDep

router = APIRouter(tags=["health"])


@router.get("/healthz", responses=responses())
async def healthz() -> AliveAnswer:
    """The process is up."""
    return AliveAnswer(status="up")


@router.get("/readyz", responses=responses())
async def readyz(service: ServiceDep) -> ReadyAnswer:
    """The graph answers and the archive can be read."""
    return ReadyAnswer(status="ready", snapshots=await service.ready())


@router.get("/problems/{name}", responses=responses(404))
async def read_problem(name: str) -> ProblemKindAnswer:
    """What the `type` of a problem means."""
    if name not in NAMED:
        raise HTTPException(404, f"There is no problem of this name; there are {', '.join(NAMED)}.")
    kind = NAMED[name]
    return ProblemKindAnswer(type=kind.type, title=kind.title, status=kind.status, meaning=kind.meaning)
