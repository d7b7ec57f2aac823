"""A body decodes to the batch that was encoded, or is refused."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.wire.arrow import END_OF_STREAM, _digest
from api.wire.errors import WireError, WireVersionError
from api.wire.triplets import SCHEMA, TripletBatch, decode_triplets, encode_triplets
from tests.hiding import without

GOLDEN = "c11c98bb32c88018e3604fb709975caf2c0a39d349d5bf80c55222d2a8ce6660"


def a_batch(num_pairs: int = 4, extra: int = 0) -> TripletBatch:
    """Make a batch of different images, whose last `extra` rows have negatives of their own."""
    negative_idx = (np.arange(num_pairs) + 1) % (2 * num_pairs)
    negative_idx[num_pairs - extra :] = 2 * num_pairs + np.arange(extra)
    return TripletBatch(
        snapshot="0123456789abcdef",
        query={"seed": 7, "mix": "transitive:7,intra:2", "negatives": "batch", "position": 90, "count": num_pairs},
        position=np.arange(90, 90 + num_pairs),
        epoch=np.arange(num_pairs) // 2,
        kind=["intra" if i % 3 == 1 else "transitive" for i in range(num_pairs)],
        anchor_id=[f"anchor-{i}" for i in range(num_pairs)],
        positive_id=[f"positive-{i}" for i in range(num_pairs)],
        negative_id=[f"négative-{i}" for i in range(num_pairs)],
        anchor_group=[f"group-{i}" for i in range(num_pairs)],
        positive_group=[f"group-{i}" for i in range(num_pairs)],
        negative_group=[f"group-{i + 1}" for i in range(num_pairs)],
        images=[b"\xff\xd8" + bytes([i % 256]) * (i + 1) for i in range(2 * num_pairs + extra)],
        negative_idx=negative_idx,
    )


def assert_equal(left: TripletBatch, right: TripletBatch) -> None:
    for field in dataclasses.fields(TripletBatch):
        if field.name != "digest":
            np.testing.assert_equal(getattr(left, field.name), getattr(right, field.name), field.name)


@given(num_pairs=st.integers(1, 40), data=st.data())
@settings(max_examples=30, deadline=None)
def test_decode_returns_what_was_encoded(num_pairs: int, data: st.DataObject) -> None:
    batch = a_batch(num_pairs, extra=data.draw(st.integers(0, num_pairs)))
    body, digest = encode_triplets(batch)
    decoded = decode_triplets(bytes(body))
    assert_equal(decoded, batch)
    assert decoded.digest == digest
    assert decoded.positive_idx.tolist() == list(range(num_pairs, 2 * num_pairs))


def test_the_same_batch_gives_the_same_bytes() -> None:
    assert bytes(encode_triplets(a_batch(extra=2))[0]) == bytes(encode_triplets(a_batch(extra=2))[0])


def test_the_digest_never_changes() -> None:
    """A change of this digest is a change of the format: raise VERSION with it."""
    assert encode_triplets(a_batch(extra=1))[1] == GOLDEN


def test_a_client_without_isal_reads_the_same_bodies(tmp_path: Path) -> None:
    body, digest = encode_triplets(a_batch(extra=1))
    (tmp_path / "body").write_bytes(body)
    code = (
        "import pathlib, sys\n"
        "from api.wire.triplets import decode_triplets\n"
        "print(decode_triplets(pathlib.Path(sys.argv[1]).read_bytes()).digest)"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "body")]
    environment = without(["isal"], tmp_path)
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == digest


def test_any_arrow_reader_can_read_a_body() -> None:
    table = pa.ipc.open_stream(encode_triplets(a_batch(extra=1))[0]).read_all()
    assert table["negative"].to_pylist() == [1, 2, 3, -1]
    assert table["negative_jpeg"].null_count == 3
    assert table.schema.metadata[b"snapshot"] == b"0123456789abcdef"


def test_a_body_cut_anywhere_is_refused() -> None:
    body = bytes(encode_triplets(a_batch())[0])
    for end in range(len(body)):
        with pytest.raises(WireError):
            decode_triplets(body[:end])


def test_a_body_with_more_bytes_after_it_is_refused() -> None:
    body = bytes(encode_triplets(a_batch())[0])
    for more in (b"x", END_OF_STREAM, body):
        with pytest.raises(WireError):
            decode_triplets(body + more)


def test_a_body_with_a_changed_byte_is_refused_or_unchanged() -> None:
    """Only a byte of Arrow's padding may change without an effect."""
    batch = a_batch(extra=1)
    body = bytes(encode_triplets(batch)[0])
    for place in range(0, len(body), 3):
        damaged = bytearray(body)
        damaged[place] ^= 0x10
        with suppress(WireError):
            assert_equal(decode_triplets(bytes(damaged)), batch)


def test_reordered_rows_are_refused() -> None:
    table = pa.ipc.open_stream(encode_triplets(a_batch())[0]).read_all()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table.take([1, 0, 2, 3]).combine_chunks())
    with pytest.raises(WireError, match="digest"):
        decode_triplets(sink.getvalue().to_pybytes())


def test_another_version_has_an_error_of_its_own() -> None:
    schema = SCHEMA.with_metadata({"version": "0"})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as stream:
        stream.write_batch(pa.RecordBatch.from_pylist([], schema))
    with pytest.raises(WireVersionError, match="version 0") as error:
        decode_triplets(sink.getvalue().to_pybytes())
    assert error.value.version == "0"


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_random_bytes_are_refused(noise: bytes) -> None:
    for body in (noise, noise + END_OF_STREAM):
        with pytest.raises(WireError):
            decode_triplets(body)


@pytest.mark.parametrize("negative", [-2, 8, 2**31 - 1], ids=str)
def test_a_negative_outside_the_batch_is_refused(negative: int) -> None:
    """It is refused even with a matching digest, so that no client trains on it."""
    table = pa.ipc.open_stream(encode_triplets(a_batch())[0]).read_all()
    column = pa.array([negative, 1, 2, 3], pa.int32())
    rows = table.set_column(9, SCHEMA.field("negative"), column).combine_chunks().to_batches()[0]
    metadata = {k.decode(): v.decode() for k, v in table.schema.metadata.items() if k != b"digest"}
    rows = rows.replace_schema_metadata({**metadata, "digest": _digest(metadata, rows)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_batch(rows)
    with pytest.raises(WireError, match="contradicts"):
        decode_triplets(sink.getvalue().to_pybytes())


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(TripletBatch) if field.name != "digest"])
def test_the_digest_covers_each_field(name: str) -> None:
    value = getattr(a_batch(), name)
    other: Any = {**value, "seed": 8} if isinstance(value, dict) else value[::-1]
    changes: dict[str, Any] = {name: other}
    assert encode_triplets(dataclasses.replace(a_batch(), **changes))[1] != encode_triplets(a_batch())[1]
