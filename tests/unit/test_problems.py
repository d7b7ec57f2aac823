"""Whatever is refused is refused in one shape, with its reason, and without a word about the machine."""

from __future__ import annotations

from typing import Annotated

import pytest
from fastapi import FastAPI, Query
from neo4j.exceptions import ServiceUnavailable, TransientError

from api import problems
from api.errors import (
    GraphTooSlow,
    ImagesMoving,
    MixError,
    MixUnavailable,
    NegativesExhausted,
    ServiceFault,
    TooFewGroups,
)
from api.guard import Guard
from api.problems import MEDIA_TYPE, NAMED
from graphdb.errors import DamagedArchive, GraphUnavailable, PatchNotFound, SnapshotGone, SnapshotNotFound
from tests.unit.asgi import Response, get

ERRORS = {
    "mix": (MixError("x", "it is not one"), 422, "mix-unreadable"),
    "kinds": (MixUnavailable("inter:1", ["inter"], ["intra:1"]), 422, "mix-unavailable"),
    "groups": (TooFewGroups("s", None), 422, "too-few-groups"),
    "draws": (NegativesExhausted("s", 5, 64), 422, "negatives-exhausted"),
    "slow": (GraphTooSlow(15), 503, "graph-too-slow"),
    "moving": (ImagesMoving(15), 503, "images-moving"),
    "snapshot": (SnapshotNotFound("s"), 404, "snapshot-not-found"),
    "gone": (SnapshotGone("s", "t"), 410, "snapshot-gone"),
    "patch": (PatchNotFound("p"), 404, "patch-not-found"),
    "graph": (GraphUnavailable("bolt://secret:7687", "connection refused"), 503, "graph-unavailable"),
    "driver": (ServiceUnavailable("no route to bolt://secret:7687"), 503, "graph-unavailable"),
    "server": (TransientError("secret"), 503, "graph-unavailable"),
    "archive": (DamagedArchive("No image in /secret/archive/000000.tar"), 500, "archive-damaged"),
}


def an_app(api_key: str | None = None) -> FastAPI:
    app = FastAPI()
    problems.install(app)
    app.add_middleware(Guard, api_key=api_key)

    @app.get("/raise/{name}")
    async def fail(name: str) -> None:
        raise ERRORS[name][0]

    @app.get("/bug")
    async def bug() -> None:
        raise RuntimeError("secret")

    @app.get("/number")
    async def number(value: Annotated[int, Query(ge=1)]) -> int:
        return value

    @app.get("/healthz")
    async def healthz() -> str:
        return "up"

    return app


def assert_problem(response: Response, status: int, type: str = "about:blank") -> None:
    problem = response.json
    assert response.status == status
    assert response.headers["content-type"] == MEDIA_TYPE
    assert {"type", "title", "status", "detail"} <= set(problem)
    assert (problem["type"], problem["status"]) == (type, status)
    assert problem["detail"]


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_a_problem_of_its_own_kind(name: str) -> None:
    error, status, kind = ERRORS[name]
    response = get(an_app(), f"/raise/{name}")
    assert_problem(response, status, f"/problems/{kind}")
    assert kind in NAMED
    assert ("retry-after" in response.headers) == (status == 503)
    assert b"secret" not in response.body
    if status < 500:
        assert response.json["detail"] == str(error)


def test_every_error_of_the_service_that_a_request_can_cause_has_a_kind() -> None:
    at_start = {"NotLoopback", "PortTaken", "SettingsError"}
    for error in ServiceFault.__subclasses__():
        assert error in problems.KINDS or error.__name__ in at_start, error


def test_a_snapshot_that_is_gone_names_its_successor() -> None:
    assert get(an_app(), "/raise/gone").json["successor"] == "t"


def test_a_mix_that_the_snapshot_lacks_comes_with_mixes_that_work() -> None:
    problem = get(an_app(), "/raise/kinds").json
    assert problem["workable"] == ["intra:1"]
    assert "intra:1" in problem["detail"]


def test_a_bug_says_nothing_about_itself() -> None:
    response = get(an_app(), "/bug")
    assert_problem(response, 500)
    assert b"secret" not in response.body and b"Traceback" not in response.body


@pytest.mark.parametrize("query", ["", "?value=0", "?value=x", "?value=9" + "9" * 5000])
def test_a_parameter_out_of_range_is_named(query: str) -> None:
    response = get(an_app(), f"/number{query}")
    assert_problem(response, 422, "/problems/invalid-request")
    assert response.json["errors"][0]["parameter"] == "value"
    assert "value: " in response.json["detail"]
    assert len(response.body) < 1000


def test_unknown_paths_and_methods_are_problems_too() -> None:
    assert_problem(get(an_app(), "/nothing"), 404)
    response = get(an_app(), "/number?value=1", method="DELETE")
    assert_problem(response, 405)
    assert response.headers["allow"] == "GET"


# Who may ask


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8477", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:8477"])
def test_without_a_key_this_machine_is_answered(host: str) -> None:
    assert get(an_app(), "/healthz", host=host).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:80",
        "0.0.0.0",
        "[::2]",
        "[::1",
        "::1",
        "localhost:x",
    ],
)
def test_without_a_key_no_other_name_is_answered(host: str) -> None:
    """A page from elsewhere can point a name of its own at 127.0.0.1; the browser then sends that name."""
    assert_problem(get(an_app(), "/healthz", host=host), 421, "/problems/misdirected")


@pytest.mark.parametrize(
    "headers", [{"authorization": "Bearer right"}, {"authorization": "bearer right"}, {"x_api_key": "right"}]
)
def test_the_key_opens(headers: dict[str, str]) -> None:
    assert get(an_app("right"), "/number?value=1", host="anything.example", **headers).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "Bearer "},
        {"authorization": "Basic right"},
        {"x_api_key": "rigHt"},
        {"x_api_key": "ríght"},
        {"authorization": "Bearer wrong", "x_api_key": "right"},
    ],
)
def test_anything_else_does_not(headers: dict[str, str]) -> None:
    response = get(an_app("right"), "/number?value=1", **headers)
    assert_problem(response, 401, "/problems/key-needed")
    assert response.headers["www-authenticate"] == "Bearer"


def test_probes_need_no_key() -> None:
    assert get(an_app("right"), "/healthz").status == 200
