"""External input is either decoded whole or refused with a message: bodies, queries, headers, key files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from api.client import http
from api.errors import KeysUnreadable, MixError
from api.logs import VALID_ID, request_id_from
from api.middleware.api_keys import KeyFile
from api.routes.negotiation import JSON, preferred
from api.routes.triplets import TripletParameters
from api.sampling.order import MAX_POSITION, Mix
from api.wire.arrow import END_OF_STREAM, MEDIA_TYPE, _digest
from api.wire.errors import WireError
from api.wire.query import MAX_TRIPLETS
from api.wire.triplets import TripletBatch, decode_triplets, encode_triplets
from tests.unit.api.wire.test_triplets import a_batch

BODY = bytes(encode_triplets(a_batch(extra=2))[0])
EDIT = st.tuples(st.integers(0, len(BODY) - 1), st.integers(0, 40), st.binary(max_size=40))
"""The place of an edit, how many bytes it removes, and the bytes that replace them."""


def assert_whole(batch: TripletBatch) -> None:
    """Check that all lengths agree and that all indices are in range."""
    assert len({len(batch), len(batch.kind), len(batch.anchor_id), len(batch.positive_id), len(batch.negative_id)}) == 1
    assert len(batch.images) >= 2 * len(batch)
    assert all(0 <= index < len(batch.images) for index in batch.negative_idx)
    assert all(isinstance(image, bytes) for image in batch.images)
    assert isinstance(batch.query, dict)


@given(st.lists(EDIT, min_size=1, max_size=5))
@settings(max_examples=300, deadline=None)
def test_an_edited_body_is_refused_or_whole(edits: list[tuple[int, int, bytes]]) -> None:
    body = BODY
    for place, removed, added in edits:
        body = body[:place] + added + body[place + removed :]
    for damaged in (body, body + END_OF_STREAM):
        try:
            assert_whole(decode_triplets(damaged))
        except WireError as error:
            assert str(error)


DEEP = "[" * 100_000


@given(st.dictionaries(st.sampled_from(["snapshot", "query", "version", "x"]), st.text() | st.just("{}"), max_size=4))
@example({"query": DEEP})
@example({"query": "[]"})
@example({"query": "1" * 5000})
@example({"query": "\ud800"})
@settings(max_examples=200, deadline=None)
def test_a_body_with_edited_metadata_is_refused_or_whole(changed: dict[str, str]) -> None:
    rows = pa.ipc.open_stream(BODY).read_next_batch()
    metadata = {name.decode(): value.decode() for name, value in rows.schema.metadata.items() if name != b"digest"}
    metadata |= {name: value.encode("utf-8", "replace").decode() for name, value in changed.items()}
    rows = rows.replace_schema_metadata({**metadata, "digest": _digest(metadata, rows)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_batch(rows)
    try:
        assert_whole(decode_triplets(sink.getvalue().to_pybytes()))
    except WireError as error:
        assert len(str(error)) < 1000


NUMBERS = st.integers().map(str) | st.sampled_from(["", "1e3", "1.0", "0x1", "nan", "٣", " 1", "+1", "-0"])
MIXES = st.text(max_size=70) | st.lists(
    st.tuples(st.sampled_from(["transitive", "intra", "inter", "", "x"]), NUMBERS).map(":".join), max_size=4
).map(",".join)
QUERIES = st.fixed_dictionaries(
    {},
    optional={
        "seed": NUMBERS | st.text(max_size=20),
        "mix": MIXES,
        "negatives": st.sampled_from(["batch", "graph"]) | st.text(max_size=8),
        "position": NUMBERS,
        "count": NUMBERS,
        "other": st.text(max_size=3),
    },
)


@given(QUERIES)
@settings(max_examples=200, deadline=None)
def test_a_query_is_refused_or_in_range_and_can_be_parsed_again(parameters: dict[str, str]) -> None:
    try:
        query = TripletParameters.model_validate(parameters).query()
    except (ValidationError, MixError) as error:
        assert str(error)
        return
    assert 0 <= query.seed < 2**63 and 0 <= query.position <= MAX_POSITION and 1 <= query.count <= MAX_TRIPLETS
    assert query.negatives in ("batch", "graph") and set(parameters) <= set(query.as_dict())
    assert Mix.parse(str(query.mix)) == query.mix
    assert TripletParameters.model_validate(query.as_dict()).query() == query


HEADER = st.text(st.characters(max_codepoint=255), max_size=80)
RANGES = st.lists(
    st.sampled_from(["*/*", JSON, MEDIA_TYPE, "text/*", "application/*", ";", "q=", "q=nan", "q=-1", "q=1e999"]),
    max_size=8,
).map(";".join)


@given(HEADER | st.lists(RANGES, max_size=4).map(",".join))
@example(f"{JSON};q=nan,{MEDIA_TYPE}")
@settings(max_examples=100, deadline=None)
def test_any_accept_header_gives_a_form_or_none(accept: str) -> None:
    assert preferred(accept, (JSON, MEDIA_TYPE)) in (None, JSON, MEDIA_TYPE)


@given(HEADER | st.floats().map(str) | st.just("Mon, 01 Jan 0001 00:00:00 +2359"))
@settings(deadline=None)
def test_any_retry_after_header_gives_a_pause(header: str) -> None:
    assert http._retry_after_seconds(header) >= 0


@given(st.binary(max_size=80) | st.just(DEEP.encode()))
@settings(deadline=None)
def test_any_body_gives_problem_details_or_an_empty_mapping(body: bytes) -> None:
    assert isinstance(http._read_problem(body), dict)


def test_a_weight_of_nan_counts_as_zero() -> None:
    assert preferred(f"{JSON};q=nan,{MEDIA_TYPE};q=0.1", (JSON, MEDIA_TYPE)) == MEDIA_TYPE


@given(HEADER)
def test_any_header_gives_a_request_id_that_is_safe_in_a_log(header: str) -> None:
    assert VALID_ID.fullmatch(request_id_from(header))


JSONS: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("name", "sha256", "scopes", "created", "expires", "rate")


@given(
    st.binary(max_size=100)
    | JSONS.map(lambda content: json.dumps({"keys": content}).encode())
    | st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, JSONS)).map(
        lambda changed: json.dumps({"keys": [GOOD | changed]}).encode()
    )
)
@example(b'{"keys": ' + DEEP.encode())
@settings(max_examples=300, deadline=None)
def test_a_key_file_is_refused_or_its_keys_can_be_used(content: bytes) -> None:
    path = Path(FOLDER) / "keys.json"
    path.write_bytes(content)
    path.chmod(0o600)
    try:
        keys = KeyFile(path).read()
    except KeysUnreadable as error:
        assert str(path) in str(error)
        return
    for key in keys:
        assert key.has_expired in (True, False)
        assert key.as_dict().keys() == set(FIELDS)


GOOD: dict[str, Any] = {
    "name": "one",
    "sha256": "0" * 64,
    "scopes": ["read"],
    "created": "2026-01-01T00:00:00+00:00",
    "expires": "2036-01-01T00:00:00+00:00",
    "rate": None,
}
FOLDER = ""


@pytest.fixture(autouse=True, scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Make one folder for all examples: hypothesis runs hundreds."""
    global FOLDER
    FOLDER = str(tmp_path_factory.mktemp("keys"))
