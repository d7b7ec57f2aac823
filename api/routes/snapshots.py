"""/v1/snapshots"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import RedirectResponse

from api.problems import Responses, responses
from api.routes.dependencies import ServiceDep
from api.routes.schemas import SnapshotAnswer, SnapshotsAnswer

router = APIRouter(prefix="/v1/snapshots", tags=["snapshots"])

Id = Annotated[str, Path(description="The id of a snapshot.", max_length=64)]
REDIRECT: Responses = {307: {"description": "The address of the newest snapshot's own answer."}}


@router.get("", responses=responses())
async def list_snapshots(service: ServiceDep) -> SnapshotsAnswer:
    """What is published, newest first."""
    snapshots = await service.snapshots()
    return SnapshotsAnswer(snapshots=[SnapshotAnswer.of(one, one is snapshots[0]) for one in snapshots])


@router.get("/latest", status_code=307, responses=REDIRECT | responses(404), response_class=RedirectResponse)
async def latest_snapshot(service: ServiceDep) -> RedirectResponse:
    """Where the newest snapshot is."""
    return redirect(f"/v1/snapshots/{(await service.snapshot('latest')).id}")


@router.get("/{id}", responses=responses(404, 410))
async def read_snapshot(service: ServiceDep, id: Id) -> SnapshotAnswer:
    """One snapshot: its counts, and the settings it was made with."""
    snapshot = await service.snapshot(id)
    return SnapshotAnswer.of(snapshot, latest=snapshot.id == (await service.snapshot("latest")).id)


def redirect(path: str, query: str = "") -> RedirectResponse:
    # Not to be kept: the next publication makes it wrong.
    return RedirectResponse(f"{path}?{query}" if query else path, 307, {"Cache-Control": "no-store"})
