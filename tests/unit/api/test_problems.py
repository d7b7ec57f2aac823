"""Every refusal is a problem document with its reason, and reveals nothing about the machine."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import FastAPI, Query
from neo4j.exceptions import (
    ConnectionAcquisitionTimeoutError,
    Neo4jError,
    ResultConsumedError,
    ServiceUnavailable,
    TransientError,
)
from starlette.types import Receive, Scope, Send

from api import problems
from api.app import add_middleware
from api.errors import (
    ApiError,
    GraphTooSlow,
    ImagesMoving,
    KeysUnreadable,
    KeyUnusable,
    MixError,
    MixUnavailable,
    NegativesExhausted,
    RequestError,
    RowsMissing,
    TooFewGroups,
)
from api.middleware.access_log import AccessLog
from api.middleware.api_keys import KeyFile, Keyring
from api.problems import MEDIA_TYPE, PROBLEM_TYPES
from graphdb.errors import DamagedArchive, GraphUnavailable, PatchNotFound, SnapshotGone, SnapshotNotFound
from tests.unit.api.asgi import Response, get


def neo4j_error(code: str) -> Neo4jError:
    """Return the error that the driver raises for this error code of the server."""
    return Neo4jError._hydrate_neo4j(code=code, message="secret")


MISSING = Path("/nowhere")
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
    "failed": (neo4j_error("Neo.DatabaseError.General.UnknownError"), 503, "graph-unavailable"),
    "lost": (neo4j_error("Neo.ClientError.Database.DatabaseNotFound"), 503, "graph-unavailable"),
    "ended": (neo4j_error("Neo.ClientError.Transaction.TransactionTimedOut"), 503, "graph-too-slow"),
    "pool": (ConnectionAcquisitionTimeoutError("secret"), 503, "graph-unavailable"),
    "cypher": (neo4j_error("Neo.ClientError.Statement.SyntaxError"), 500, "bug"),
    "driver bug": (ResultConsumedError(None, "secret"), 500, "bug"),
    "rows": (RowsMissing("s", "secret"), 500, "graph-damaged"),
    "archive": (DamagedArchive("No image in /secret/archive/000000.tar"), 500, "archive-damaged"),
}


def make_app(api_key: str | None = None, folder: Path = MISSING) -> FastAPI:
    app = FastAPI()
    problems.install(app)
    add_middleware(app, Keyring(KeyFile(folder / "keys.json"), api_key), 10, folder)

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

    @app.get("/metrics")
    async def metrics() -> str:
        return "counts"

    return app


def assert_problem(response: Response, status: int, type: str = "about:blank") -> None:
    problem = response.json
    assert response.status == status
    assert response.headers["content-type"] == MEDIA_TYPE
    assert {"type", "title", "status", "detail"} <= set(problem)
    assert (problem["type"], problem["status"]) == (type, status)
    assert problem["detail"]


@pytest.mark.parametrize("name", ERRORS)
def test_each_error_has_its_problem_type(name: str) -> None:
    error, status, problem_type = ERRORS[name]
    response = get(make_app(), f"/raise/{name}")
    assert_problem(response, status, f"/problems/{problem_type}")
    assert problem_type in PROBLEM_TYPES
    assert ("retry-after" in response.headers) == (status == 503)
    assert b"secret" not in response.body
    if status < 500:
        assert response.json["detail"] == str(error)


def test_every_error_of_a_request_has_a_problem_type() -> None:
    assert set(ApiError.__subclasses__()) == {KeysUnreadable, KeyUnusable, RequestError}  # requests raise only the last
    for error in RequestError.__subclasses__():
        assert error in problems.TYPE_OF_ERROR, error


def test_the_problem_of_an_ended_snapshot_names_its_successor() -> None:
    assert get(make_app(), "/raise/gone").json["successor"] == "t"


def test_the_problem_of_an_unavailable_mix_lists_mixes_that_work() -> None:
    problem = get(make_app(), "/raise/kinds").json
    assert problem["workable"] == ["intra:1"]
    assert "intra:1" in problem["detail"]


@pytest.mark.parametrize("path", ["/bug", "/raise/cypher"])
def test_a_bug_reveals_only_the_request_id_under_which_it_was_logged(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    response = get(make_app(), path, x_request_id="mine")
    assert_problem(response, 500, "/problems/bug")
    assert b"secret" not in response.body and b"Traceback" not in response.body
    assert response.json["request_id"] == response.headers["x-request-id"] == "mine"
    [logged] = [record for record in caplog.records if record.exc_info]
    assert logged.exc_info and path in logged.getMessage() and "secret" in str(logged.exc_info[1])


@pytest.mark.parametrize("query", ["", "?value=0", "?value=x", "?value=9" + "9" * 5000])
def test_the_problem_of_an_invalid_parameter_names_it(query: str) -> None:
    response = get(make_app(), f"/number{query}")
    assert_problem(response, 422, "/problems/invalid-request")
    assert response.json["errors"][0]["parameter"] == "value"
    assert "value: " in response.json["detail"]
    assert len(response.body) < 1000


def test_unknown_paths_and_methods_are_problems() -> None:
    assert_problem(get(make_app(), "/nothing"), 404)
    response = get(make_app(), "/number?value=1", method="DELETE")
    assert_problem(response, 405)
    assert response.headers["allow"] == "GET"


def test_a_request_that_a_shutdown_cancels_is_answered_with_retry_after() -> None:
    async def hang(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(60)

    async def cancel(scope: Scope, receive: Receive, send: Send) -> None:
        request = asyncio.ensure_future(AccessLog(hang)(scope, receive, send))
        await asyncio.sleep(0)
        request.cancel()
        await request

    response = get(cancel, "/v1/snapshots")
    assert_problem(response, 503, "/problems/stopping")
    assert response.headers["retry-after"] == "1"


# Authentication


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8477", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:8477"])
def test_without_a_key_local_hosts_are_answered(host: str) -> None:
    assert get(make_app(), "/healthz", host=host).status == 200


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
def test_without_a_key_other_hosts_are_refused(host: str) -> None:
    """A web page can point a host name of its own at 127.0.0.1; the browser then sends that name."""
    assert_problem(get(make_app(), "/healthz", host=host), 421, "/problems/misdirected")


@pytest.mark.parametrize(
    "headers", [{"authorization": "Bearer right"}, {"authorization": "bearer right"}, {"x_api_key": "right"}]
)
def test_the_right_key_is_accepted(headers: dict[str, str]) -> None:
    assert get(make_app("right"), "/number?value=1", host="anything.example", **headers).status == 200


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
def test_other_credentials_are_refused(headers: dict[str, str]) -> None:
    response = get(make_app("right"), "/number?value=1", **headers)
    assert_problem(response, 401, "/problems/key-needed")
    assert response.headers["www-authenticate"] == "Bearer"


def test_probes_need_no_key() -> None:
    assert get(make_app("right"), "/healthz").status == 200


def test_a_key_is_accepted_for_its_scopes_only(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "keys.json")
    reader, admin = file.create("reader")[1], file.create("admin", ["admin"])[1]
    both = file.create("both", ["read", "admin"])[1]
    app = make_app(folder=tmp_path)
    statuses = {
        (name, path): get(app, path, authorization=f"Bearer {token}").status
        for name, token in (("reader", reader), ("admin", admin), ("both", both))
        for path in ("/number?value=1", "/metrics")
    }
    refused = {pair for pair, status in statuses.items() if status == 403}
    assert refused == {("reader", "/metrics"), ("admin", "/number?value=1")}
    assert set(statuses.values()) == {200, 403}
    assert_problem(get(app, "/metrics", authorization=f"Bearer {reader}"), 403, "/problems/scope-missing")


def test_a_revoked_key_is_refused_from_the_next_request_on(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "keys.json")
    app = make_app(folder=tmp_path)
    assert get(app, "/number?value=1").status == 200
    token = file.create("one")[1]
    assert get(app, "/number?value=1").status == 401
    assert get(app, "/number?value=1", authorization=f"Bearer {token}").status == 200
    file.revoke("one")
    assert get(app, "/number?value=1", authorization=f"Bearer {token}").status == 401


def test_a_key_beyond_its_rate_is_refused_with_retry_after(tmp_path: Path) -> None:
    token = KeyFile(tmp_path / "keys.json").create("one", rate=0.01)[1]
    app = make_app(folder=tmp_path)
    assert get(app, "/number?value=1", authorization=f"Bearer {token}").status == 200
    refused = get(app, "/number?value=1", authorization=f"Bearer {token}")
    assert_problem(refused, 429, "/problems/too-many-requests")
    assert 90 <= int(refused.headers["retry-after"]) <= 100


# Request ids


@pytest.mark.parametrize("sent", ["a", "A-1_b.2", "x" * 64])
def test_a_valid_request_id_is_kept(sent: str) -> None:
    assert get(make_app(), "/healthz", x_request_id=sent).headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", [None, "", "x" * 65, "a b", "a\tb", "é", '"', "a,b"])
def test_other_requests_get_new_ids(sent: str | None) -> None:
    headers = {} if sent is None else {"x_request_id": sent}
    ids = {get(make_app(), "/nothing", **headers).json["request_id"] for _ in range(2)}
    assert len(ids) == 2
    assert all(len(id) == 32 for id in ids)
