"""/v1/snapshots"""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import RedirectResponse

from api.problems import Responses, refusals
from api.routes.dependencies import ServiceDep, SnapshotId
from api.routes.schemas import SnapshotResponse, SnapshotsResponse
from api.service import Service

router = APIRouter(prefix="/v1/snapshots", tags=["snapshots"])

REDIRECT: Responses = {307: {"description": "Redirects to the path with the id of the newest snapshot."}}


@router.get("", responses=refusals())
async def list_snapshots(service: ServiceDep) -> SnapshotsResponse:
    """The published snapshots, newest first."""
    snapshots = await service.snapshots()
    return SnapshotsResponse(snapshots=[SnapshotResponse.of(one, one is snapshots[0]) for one in snapshots])


@router.get("/latest", status_code=307, responses=REDIRECT | refusals(404), response_class=RedirectResponse)
async def latest_snapshot(service: ServiceDep) -> RedirectResponse:
    """Redirect to the newest snapshot."""
    return await redirect_to_latest(service)


@router.get("/{id}", responses=refusals(404, 410))
async def read_snapshot(service: ServiceDep, id: SnapshotId) -> SnapshotResponse:
    """One snapshot: its counts, and the settings that made it."""
    snapshot = await service.snapshot(id)
    return SnapshotResponse.of(snapshot, latest=snapshot.id == (await service.snapshot("latest")).id)


async def redirect_to_latest(service: Service, path: str = "", query: str = "") -> RedirectResponse:
    """Redirect to a path below the newest snapshot."""
    url = f"/v1/snapshots/{(await service.snapshot('latest')).id}{path}"
    # Clients must not store the redirect: the next publication makes it wrong.
    return RedirectResponse(f"{url}?{query}" if query else url, 307, {"Cache-Control": "no-store"})
