"""One shape for everything that is refused: problem details (RFC 9457)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from neo4j.exceptions import AuthError, ConnectionPoolError, DriverError, Forbidden, Neo4jError, TransientError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from api import errors, metrics
from api.logs import request_id
from graphdb.errors import (
    DamagedArchive,
    FrameNotFound,
    FramesNotKept,
    GraphUnavailable,
    PatchNotFound,
    SnapshotGone,
    SnapshotNotFound,
)

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
    request_id: str = ""
    """What the log of the service has the request under."""


@dataclass(frozen=True)
class ProblemType:
    """A problem by name. `meaning` is for its own page; `detail` stands in for a message that is not for strangers."""

    name: str
    status: int
    title: str
    meaning: str
    detail: str | None = None

    @property
    def type(self) -> str:
        return f"/problems/{self.name}"


INVALID = ProblemType("invalid-request", 422, "Invalid request", "A parameter is missing, unknown or out of its range.")
MALFORMED = ProblemType("malformed-request", 400, "Malformed request", "What was sent is not HTTP.")
KEY = ProblemType(
    "key-needed",
    401,
    "Key needed",
    "Every request must carry a key of the service that is in force: Authorization: Bearer.",
)
SCOPE = ProblemType("scope-missing", 403, "Scope missing", "The key does not open this.")
HOST = ProblemType(
    "misdirected",
    421,
    "Misdirected request",
    "Without a key, the service answers to the hosts localhost, 127.0.0.1 and [::1] only.",
)
RATE = ProblemType(
    "too-many-requests", 429, "Too many requests", "The key has a rate, and this request goes beyond it."
)
LARGE = ProblemType(
    "head-too-large", 431, "Head too large", "Address and headers of a request may have 32 KiB together."
)
BUSY = ProblemType(
    "overloaded", 503, "Overloaded", "As many requests are under way as the service takes. Repeat it as it is, later."
)
STOPPING = ProblemType(
    "stopping",
    503,
    "Stopping",
    "The service was stopped, and this answer was not ready in time. The request can be repeated as it is.",
)
BUG = ProblemType(
    "bug",
    500,
    "Internal server error",
    "The service failed in a way that it should not; its log says how, under `request_id`.",
)
GRAPH_UNAVAILABLE = ProblemType(
    "graph-unavailable",
    503,
    "Graph unavailable",
    "The graph database does not answer. The request can be repeated as it is.",
    "The graph does not answer; ask again later.",
)
DAMAGED = ProblemType(
    "archive-damaged",
    500,
    "Archive damaged",
    "The graph points to an image that is not in the archive.",
    "An image is missing from the archive; the log of the service names it.",
)
GRAPH_TIMEOUT = ProblemType(
    "graph-too-slow",
    503,
    "Graph too slow",
    "The graph gave no answer in time. The request can be repeated as it is.",
)
AWAY_ERRORS = (TransientError, ConnectionPoolError, AuthError, Forbidden)
AWAY_CODES = ("Neo.DatabaseError.", "Neo.ClientError.Database.")
"""How the codes of errors begin that say that the server, or the database on it, is not well."""
TIMED_OUT = "Neo.ClientError.Transaction.TransactionTimedOut"
KINDS: dict[type[Exception], ProblemType] = {
    SnapshotNotFound: ProblemType(
        "snapshot-not-found", 404, "Snapshot not found", "No snapshot was published by this id."
    ),
    SnapshotGone: ProblemType(
        "snapshot-gone",
        410,
        "Snapshot gone",
        "The snapshot has ended; `successor` names the one to go on with, if any.",
    ),
    PatchNotFound: ProblemType("patch-not-found", 404, "Patch not found", "The graph holds no patch with this id."),
    FrameNotFound: ProblemType(
        "frame-not-found", 404, "Frame not found", "The graph holds no whole frame with this id."
    ),
    FramesNotKept: ProblemType(
        "frames-not-kept", 422, "Frames not kept", "The snapshot has tracks whose whole frames were not kept."
    ),
    errors.MixError: ProblemType("mix-unreadable", 422, "Mix unreadable", "A mix is written kind:weight,kind:weight."),
    errors.MixUnavailable: ProblemType(
        "mix-unavailable", 422, "Mix unavailable", "The snapshot lacks a kind of the mix; `workable` mixes would do."
    ),
    errors.TooFewGroups: ProblemType(
        "too-few-groups", 422, "Too few groups", "Every patch of the snapshot is of one group."
    ),
    errors.NegativesExhausted: ProblemType(
        "negatives-exhausted", 422, "No negative found", "No draw gave a patch of another group than the anchor's."
    ),
    errors.RowsMissing: ProblemType(
        "graph-damaged",
        500,
        "Graph damaged",
        "The graph lacks what the snapshot counts on.",
        "The graph lacks what the snapshot counts on; `affinity graph check` says what.",
    ),
    errors.ImagesMoving: ProblemType(
        "images-moving",
        503,
        "Images moving",
        "The archive is being rewritten, and images were moved before they could be read. The request can be repeated "
        "as it is.",
    ),
    errors.GraphTooSlow: GRAPH_TIMEOUT,
    GraphUnavailable: GRAPH_UNAVAILABLE,
    DamagedArchive: DAMAGED,
}
NAMED = {
    kind.name: kind
    for kind in (INVALID, MALFORMED, KEY, SCOPE, HOST, RATE, LARGE, BUSY, STOPPING, *KINDS.values(), BUG)
}


def problem(
    kind: ProblemType, detail: str | None = None, headers: dict[str, str] | None = None, **more: Any
) -> JSONResponse:
    """The answer that refuses a request; `more` are extension members."""
    metrics.ERRORS.labels(kind.name).inc()
    if kind.status == 503:
        headers = {"Retry-After": str(RETRY_SECONDS), **(headers or {})}
    return _details(kind.type, kind.title, kind.status, detail or kind.meaning, headers, more)


def bug() -> JSONResponse:
    """The answer where the service failed. Nothing of the traceback leaves; the log has it."""
    return problem(BUG)


def _details(
    type: str, title: str, status: int, detail: str, headers: Mapping[str, str] | None, more: Mapping[str, Any]
) -> JSONResponse:
    content = {"type": type, "title": title, "status": status, "detail": detail, **more}
    if id := request_id.get():
        content["request_id"] = id
    return JSONResponse(content, status, headers, MEDIA_TYPE)


ANY = (400, 401, 403, 421, 422, 429, 431, 500, 503)
"""What any operation may be refused with."""
Responses = dict[int | str, dict[str, Any]]
"""What an operation may answer, for its OpenAPI description."""


def responses(*statuses: int) -> Responses:
    """What an operation may refuse with: these, and what any may."""
    described = {status: HTTPStatus(status).phrase for status in (*statuses, *ANY)}
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": phrase, "content": content} for status, phrase in described.items()}


def install(app: FastAPI) -> None:
    """Answer every error of the app that is no bug with problem details."""
    for error in KINDS:
        app.add_exception_handler(error, on_known)
    for error in (DriverError, Neo4jError):
        app.add_exception_handler(error, on_driver)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)


async def on_known(request: Request, error: Exception) -> JSONResponse:
    kind = next(KINDS[cls] for cls in type(error).__mro__ if cls in KINDS)
    more = {name: getattr(error, name) for name in ("successor", "workable") if hasattr(error, name)}
    if kind.status < 500:
        return problem(kind, str(error), **more)
    log.error("%s %s: %s", request.method, request.url.path, error)
    return problem(kind, kind.detail or str(error))


async def on_driver(request: Request, error: Exception) -> JSONResponse:
    """An error of the driver that the graph made no sentence of: it is away, or slow, or we asked for nonsense."""
    assert isinstance(error, DriverError | Neo4jError)
    kind = kind_of(error)
    if kind is None:
        raise error
    log.error("%s %s: %s", request.method, request.url.path, error)
    return problem(kind, kind.detail)


def kind_of(error: DriverError | Neo4jError) -> ProblemType | None:
    """What an error of the driver means for whoever asked; None where it is a bug of ours."""
    code = error.code or "" if isinstance(error, Neo4jError) else ""
    if code.startswith(TIMED_OUT):
        return GRAPH_TIMEOUT
    is_away = error.is_retryable() or isinstance(error, AWAY_ERRORS) or code.startswith(AWAY_CODES)
    return GRAPH_UNAVAILABLE if is_away else None


async def on_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    wrong = [{"parameter": str(one["loc"][-1]), "detail": one["msg"]} for one in error.errors()]
    return problem(INVALID, "; ".join(f"{one['parameter']}: {one['detail']}" for one in wrong), errors=wrong)


async def on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    metrics.ERRORS.labels(f"http-{error.status_code}").inc()
    # Where the framework says no more than the title does, say where to look.
    nothing = f"{request.method} {request.url.path} is not something this service answers; /docs lists what is."
    detail = nothing if error.detail == title else error.detail
    return _details("about:blank", title, error.status_code, detail, error.headers, {})
