"""Problem details (RFC 9457): the one form of every answer that refuses a request."""

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
    """The id of the request in the log of the service."""


@dataclass(frozen=True)
class ProblemType:
    """A type of problem. Its page shows `meaning`; `detail` replaces the message of an error that holds private facts,
    such as paths."""

    name: str
    status: int
    title: str
    meaning: str
    detail: str | None = None

    @property
    def type(self) -> str:
        return f"/problems/{self.name}"


INVALID_REQUEST = ProblemType(
    "invalid-request", 422, "Invalid request", "A parameter is missing, unknown or out of its range."
)
MALFORMED_REQUEST = ProblemType("malformed-request", 400, "Malformed request", "The request is not valid HTTP.")
KEY_NEEDED = ProblemType(
    "key-needed",
    401,
    "Key needed",
    "Every request must carry a valid key of the service: Authorization: Bearer.",
)
SCOPE_MISSING = ProblemType("scope-missing", 403, "Scope missing", "The scopes of the key do not cover this path.")
MISDIRECTED = ProblemType(
    "misdirected",
    421,
    "Misdirected request",
    "Without a key, the service answers to the hosts localhost, 127.0.0.1 and [::1] only.",
)
TOO_MANY_REQUESTS = ProblemType(
    "too-many-requests", 429, "Too many requests", "The key has a rate, and this request exceeds it."
)
HEAD_TOO_LARGE = ProblemType(
    "head-too-large", 431, "Head too large", "The address and headers of a request are larger than 32 KiB together."
)
OVERLOADED = ProblemType(
    "overloaded",
    503,
    "Overloaded",
    "The service is answering as many requests as it may. Repeat the request unchanged later.",
)
STOPPING = ProblemType(
    "stopping",
    503,
    "Stopping",
    "The service was stopped before this answer was ready. Repeat the request unchanged.",
)
BUG = ProblemType(
    "bug",
    500,
    "Internal server error",
    "The service failed because of a bug. Its log has the error under `request_id`.",
)
GRAPH_UNAVAILABLE = ProblemType(
    "graph-unavailable",
    503,
    "Graph unavailable",
    "The graph database does not answer. Repeat the request unchanged later.",
    "The graph database does not answer. Repeat the request later.",
)
ARCHIVE_DAMAGED = ProblemType(
    "archive-damaged",
    500,
    "Archive damaged",
    "The graph refers to an image that is not in the archive.",
    "An image is missing from the archive. The log of the service names it.",
)
GRAPH_TIMEOUT = ProblemType(
    "graph-too-slow",
    503,
    "Graph too slow",
    "The graph database gave no answer in time. Repeat the request unchanged later.",
)
TYPE_OF_ERROR: dict[type[Exception], ProblemType] = {
    SnapshotNotFound: ProblemType(
        "snapshot-not-found", 404, "Snapshot not found", "No published snapshot has this id."
    ),
    SnapshotGone: ProblemType(
        "snapshot-gone",
        410,
        "Snapshot gone",
        "The snapshot has ended. `successor` is the snapshot to use instead, or null.",
    ),
    PatchNotFound: ProblemType("patch-not-found", 404, "Patch not found", "No patch in the graph has this id."),
    FrameNotFound: ProblemType("frame-not-found", 404, "Frame not found", "No whole frame in the graph has this id."),
    FramesNotKept: ProblemType(
        "frames-not-kept", 422, "Frames not kept", "The whole frames of some tracks of the snapshot were not kept."
    ),
    errors.MixError: ProblemType(
        "mix-unreadable", 422, "Mix unreadable", "The mix is not written as kind:weight,kind:weight."
    ),
    errors.MixUnavailable: ProblemType(
        "mix-unavailable",
        422,
        "Mix unavailable",
        "The snapshot has no pairs of a kind in the mix. `workable` lists mixes that work.",
    ),
    errors.TooFewGroups: ProblemType(
        "too-few-groups", 422, "Too few groups", "All patches of the snapshot belong to one group."
    ),
    errors.NegativesExhausted: ProblemType(
        "negatives-exhausted", 422, "No negative found", "No draw gave a patch of another group than the anchor's."
    ),
    errors.RowsMissing: ProblemType(
        "graph-damaged",
        500,
        "Graph damaged",
        "The graph lacks rows that the snapshot refers to.",
        "The graph lacks rows that the snapshot refers to. Run `affinity graph check` to see which.",
    ),
    errors.ImagesMoving: ProblemType(
        "images-moving",
        503,
        "Images moving",
        "The archive is being rewritten, and images moved before they could be read. Repeat the request unchanged "
        "later.",
    ),
    errors.GraphTooSlow: GRAPH_TIMEOUT,
    GraphUnavailable: GRAPH_UNAVAILABLE,
    DamagedArchive: ARCHIVE_DAMAGED,
}
PROBLEM_TYPES = {
    one.name: one
    for one in (
        INVALID_REQUEST,
        MALFORMED_REQUEST,
        KEY_NEEDED,
        SCOPE_MISSING,
        MISDIRECTED,
        TOO_MANY_REQUESTS,
        HEAD_TOO_LARGE,
        OVERLOADED,
        STOPPING,
        *TYPE_OF_ERROR.values(),
        BUG,
    )
}
"""All problem types by name."""


def problem_response(
    problem_type: ProblemType, detail: str | None = None, headers: Mapping[str, str] | None = None, **members: Any
) -> JSONResponse:
    """Return the answer that refuses a request. `members` are extension members of the problem details."""
    metrics.ERRORS.labels(problem_type.name).inc()
    if problem_type.status == 503:
        headers = {"Retry-After": str(RETRY_SECONDS), **(headers or {})}
    return _details(
        problem_type.type, problem_type.title, problem_type.status, detail or problem_type.meaning, headers, members
    )


def _details(
    type: str, title: str, status: int, detail: str, headers: Mapping[str, str] | None, members: Mapping[str, Any]
) -> JSONResponse:
    content = {"type": type, "title": title, "status": status, "detail": detail, **members}
    if id := request_id.get():
        content["request_id"] = id
    return JSONResponse(content, status, headers, MEDIA_TYPE)


Responses = dict[int | str, dict[str, Any]]
"""The answers of an operation, for its OpenAPI description."""
COMMON_STATUSES = (400, 401, 403, 421, 422, 429, 431, 500, 503)
"""Statuses with which any operation may be refused."""


def refusals(*statuses: int) -> Responses:
    """Describe the answers that refuse an operation: these statuses, and those common to all operations."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in (*statuses, *COMMON_STATUSES)
    }


def install(app: FastAPI) -> None:
    """Make the app answer every error except bugs with problem details."""
    for error in TYPE_OF_ERROR:
        app.add_exception_handler(error, on_known_error)
    for error in (DriverError, Neo4jError):
        app.add_exception_handler(error, on_driver_error)
    app.add_exception_handler(RequestValidationError, on_invalid_request)
    app.add_exception_handler(HTTPException, on_http_error)


async def on_known_error(request: Request, error: Exception) -> JSONResponse:
    problem_type = next(TYPE_OF_ERROR[cls] for cls in type(error).__mro__ if cls in TYPE_OF_ERROR)
    members = {name: getattr(error, name) for name in ("successor", "workable") if hasattr(error, name)}
    if problem_type.status < 500:
        return problem_response(problem_type, str(error), **members)
    log.error("%s %s: %s", request.method, request.url.path, error)
    return problem_response(problem_type, problem_type.detail or str(error))


async def on_driver_error(request: Request, error: Exception) -> JSONResponse:
    """Answer an error of the Neo4j driver for which graphdb has no class of its own. Raises a bug again."""
    assert isinstance(error, DriverError | Neo4jError)
    problem_type = type_of_driver_error(error)
    if problem_type is None:
        raise error
    log.error("%s %s: %s", request.method, request.url.path, error)
    return problem_response(problem_type, problem_type.detail)


UNAVAILABLE_ERRORS = (TransientError, ConnectionPoolError, AuthError, Forbidden)
UNAVAILABLE_CODES = ("Neo.DatabaseError.", "Neo.ClientError.Database.")
"""Prefixes of error codes which mean that the server, or its database, does not work."""
TIMEOUT_CODE = "Neo.ClientError.Transaction.TransactionTimedOut"


def type_of_driver_error(error: DriverError | Neo4jError) -> ProblemType | None:
    """Return the problem type of an error of the driver, or None if the error is a bug of the service."""
    code = error.code or "" if isinstance(error, Neo4jError) else ""
    if code.startswith(TIMEOUT_CODE):
        return GRAPH_TIMEOUT
    is_unavailable = error.is_retryable() or isinstance(error, UNAVAILABLE_ERRORS) or code.startswith(UNAVAILABLE_CODES)
    return GRAPH_UNAVAILABLE if is_unavailable else None


async def on_invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    invalid = [{"parameter": str(one["loc"][-1]), "detail": one["msg"]} for one in error.errors()]
    detail = "; ".join(f"{one['parameter']}: {one['detail']}" for one in invalid)
    return problem_response(INVALID_REQUEST, detail, errors=invalid)


async def on_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    metrics.ERRORS.labels(f"http-{error.status_code}").inc()
    # Where the framework's detail only repeats the title, say where the paths are listed.
    unknown = (
        f"The service does not answer {request.method} {request.url.path}. /docs lists the requests that it answers."
    )
    detail = unknown if error.detail == title else error.detail
    return _details("about:blank", title, error.status_code, detail, error.headers, {})
