"""One shape for everything that is refused: problem details (RFC 9457)."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from neo4j.exceptions import DriverError, Neo4jError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from api import errors
from graphdb.errors import DamagedArchive, GraphUnavailable, PatchNotFound, SnapshotGone, SnapshotNotFound

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 1

log = logging.getLogger(__name__)


class Problem(BaseModel):
    """Why a request was refused. `type` is a path of this service that explains it, or about:blank."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str


@dataclass(frozen=True)
class Kind:
    """A problem by name. `meaning` is for its own page; `detail` stands in for a message that is not for strangers."""

    name: str
    status: int
    title: str
    meaning: str
    detail: str | None = None

    @property
    def type(self) -> str:
        return f"/problems/{self.name}"


INVALID = Kind("invalid-request", 422, "Invalid request", "A parameter is missing, unknown or out of its range.")
KEY = Kind("key-needed", 401, "Key needed", "Every request must carry the key of the service: Authorization: Bearer.")
HOST = Kind("misdirected", 421, "Misdirected request", "Without a key, the service answers requests to this machine.")
AWAY = Kind(
    "graph-unavailable",
    503,
    "Graph unavailable",
    "The graph database does not answer. The request can be repeated as it is.",
    "The graph does not answer; ask again later.",
)
DAMAGED = Kind(
    "archive-damaged",
    500,
    "Archive damaged",
    "The graph points to an image that is not in the archive.",
    "An image is missing from the archive; the log of the service names it.",
)
KINDS: dict[type[Exception], Kind] = {
    SnapshotNotFound: Kind("snapshot-not-found", 404, "Snapshot not found", "No snapshot was published by this id."),
    SnapshotGone: Kind(
        "snapshot-gone",
        410,
        "Snapshot gone",
        "The snapshot has ended; `successor` names the one to go on with, if any.",
    ),
    PatchNotFound: Kind("patch-not-found", 404, "Patch not found", "The graph holds no patch with this id."),
    errors.MixError: Kind("mix-unreadable", 422, "Mix unreadable", "A mix is written kind:weight,kind:weight."),
    errors.MixUnavailable: Kind(
        "mix-unavailable", 422, "Mix unavailable", "The snapshot lacks a kind of the mix; `workable` mixes would do."
    ),
    errors.TooFewGroups: Kind("too-few-groups", 422, "Too few groups", "Every patch of the snapshot is of one group."),
    errors.NegativesExhausted: Kind(
        "negatives-exhausted", 422, "No negative found", "No draw gave a patch of another group than the anchor's."
    ),
    errors.GraphTooSlow: Kind(
        "graph-too-slow",
        503,
        "Graph too slow",
        "The graph gave no answer in time. The request can be repeated as it is.",
    ),
    errors.ImagesMoving: Kind(
        "images-moving",
        503,
        "Images moving",
        "The archive is being rewritten, and images were moved before they could be read. The request can be repeated "
        "as it is.",
    ),
    GraphUnavailable: AWAY,
    DriverError: AWAY,
    Neo4jError: AWAY,
    DamagedArchive: DAMAGED,
}
NAMED = {kind.name: kind for kind in (INVALID, KEY, HOST, *KINDS.values())}


def problem(kind: Kind, detail: str | None = None, headers: dict[str, str] | None = None, **more: Any) -> JSONResponse:
    """The answer that refuses a request; `more` are extension members."""
    content = {"type": kind.type, "title": kind.title, "status": kind.status, "detail": detail or kind.meaning, **more}
    return JSONResponse(content, kind.status, headers, MEDIA_TYPE)


Responses = dict[int | str, dict[str, Any]]
"""What an operation may answer, for its OpenAPI description."""


def responses(*statuses: int) -> Responses:
    """What an operation may refuse with: these, and what any may."""
    described = {status: HTTPStatus(status).phrase for status in (*statuses, 401, 421, 422, 500, 503)}
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": phrase, "content": content} for status, phrase in described.items()}


def install(app: FastAPI) -> None:
    """Answer every error of the app with problem details."""
    for error in KINDS:
        app.add_exception_handler(error, on_known)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_bug)


async def on_known(request: Request, error: Exception) -> JSONResponse:
    kind = next(KINDS[cls] for cls in type(error).__mro__ if cls in KINDS)
    more = {name: getattr(error, name) for name in ("successor", "workable") if hasattr(error, name)}
    if kind.status < 500:
        return problem(kind, str(error), **more)
    log.error("%s %s: %s", request.method, request.url.path, error)
    headers = {"Retry-After": str(RETRY_SECONDS)} if kind.status == 503 else None
    return problem(kind, kind.detail or str(error), headers)


async def on_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    wrong = [{"parameter": str(one["loc"][-1]), "detail": one["msg"]} for one in error.errors()]
    return problem(INVALID, "; ".join(f"{one['parameter']}: {one['detail']}" for one in wrong), errors=wrong)


async def on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    # Where the framework says no more than the title does, say where to look.
    nothing = f"{request.method} {request.url.path} is not something this service answers; /docs lists what is."
    detail = nothing if error.detail == title else error.detail
    content = {"type": "about:blank", "title": title, "status": error.status_code, "detail": detail}
    return JSONResponse(content, error.status_code, dict(error.headers or {}), MEDIA_TYPE)


async def on_bug(request: Request, error: Exception) -> JSONResponse:
    """Nothing of the traceback leaves; the server's log has it."""
    content = {"type": "about:blank", "title": "Internal Server Error", "status": 500}
    detail = "The service failed in a way that it should not; its log says how."
    return JSONResponse({**content, "detail": detail}, 500, media_type=MEDIA_TYPE)
