"""JSON or Arrow: the form that a client prefers (the Accept header of RFC 9110), and the response in that form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from api.problems import Responses
from api.wire.arrow import MEDIA_TYPE as ARROW

JSON = "application/json"


def json_or_arrow(what: str, model: type[BaseModel], links: Mapping[str, Any]) -> Responses:
    """Describe both forms of a response for OpenAPI."""
    return {
        200: {
            "model": model,
            "description": f"The {what}: JSON with links, or one Arrow stream with the images.",
            "content": {ARROW: {"schema": {"type": "string", "format": "binary"}}},
            "links": dict(links),
        }
    }


def prefers_arrow(request: Request, what: str) -> bool:
    """Whether the client prefers Arrow to JSON. Raises HTTP 406 if it accepts neither."""
    form = preferred(request.headers.get("accept"), (JSON, ARROW))
    if form is None:
        raise HTTPException(406, f"The {what} come as {JSON} or {ARROW}.")
    return form == ARROW


def json_response(content: Mapping[str, Any]) -> Response:
    response = JSONResponse(content)
    response.headers.update(_headers(sha256(response.body).hexdigest()))
    return response


def arrow_response(body: memoryview, digest: str) -> Response:
    return Response(body, headers=_headers(digest), media_type=ARROW)


def _headers(digest: str) -> dict[str, str]:
    # A client must revalidate its copy each time: a snapshot can end.
    return {"ETag": f'"{digest}"', "Cache-Control": "no-cache", "Vary": "Accept"}


def preferred(accept: str | None, offers: Sequence[str]) -> str | None:
    """Return the offer that the header ranks highest, the first one of equals; None if it accepts none of them."""
    if not accept or not accept.strip():
        return offers[0]
    ranges = [_media_range(part) for part in accept.split(",")]
    weight, best = max(((_weight(offer, ranges), -i) for i, offer in enumerate(offers)), default=(0.0, 0))
    return offers[-best] if weight > 0 else None


def _media_range(part: str) -> tuple[str, float]:
    """Read a media range, such as `text/*;q=0.5`, and its weight."""
    media, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return media, min(max(0.0, float(value)), 1.0)  # "nan" gives 0, too
            except ValueError:
                return media, 0.0
    return media, 1.0


def _weight(offer: str, ranges: Sequence[tuple[str, float]]) -> float:
    """Return the weight of the most specific range that covers the offer."""
    for cover in (offer, offer.partition("/")[0] + "/*", "*/*"):
        for media, weight in ranges:
            if media == cover:
                return weight
    return 0.0
