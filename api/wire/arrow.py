"""The body of a response: one record batch in one Arrow stream, with a digest over everything in it.

`triplets.py` and `frames.py` define the columns. The schema's metadata holds the version of the format, the snapshot,
the whole query and the digest.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from api.wire.errors import WireError, WireVersionError

try:
    from isal.isal_zlib import crc32
except ModuleNotFoundError:
    # The same checksum at a tenth of the speed, so that a notebook does not need isal.
    crc32 = zlib.crc32

VERSION = "1"
MEDIA_TYPE = "application/vnd.apache.arrow.stream"
END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""The marker at the end of an Arrow stream. Without this check, a body that was cut just before it would look whole."""
STREAM_OVERHEAD = 16_384
"""Bytes of an Arrow stream beside its record batch and metadata, at most."""


@dataclass(frozen=True, eq=False, slots=True)
class Body:
    """The contents of a body: the rows, the snapshot and the query that they answer, and the digest."""

    rows: pa.RecordBatch
    snapshot: str
    query: dict[str, Any]
    digest: str


def encode_rows(rows: pa.RecordBatch, snapshot: str, query: Mapping[str, Any]) -> tuple[memoryview, str]:
    """Return the body of a response, and its digest. The same rows always give the same bytes."""
    metadata = {"version": VERSION, "snapshot": snapshot, "query": json.dumps(dict(query), sort_keys=True)}
    digest = _digest(metadata, rows)
    rows = rows.replace_schema_metadata({**metadata, "digest": digest})
    body = pa.allocate_buffer(pa.ipc.get_record_batch_size(rows) + STREAM_OVERHEAD + _metadata_size(rows))
    sink = pa.FixedSizeBufferWriter(body)
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_batch(rows)
    return memoryview(body)[: sink.tell()], digest


def decode_rows(body: bytes | memoryview, schema: pa.Schema) -> Body:
    """Decode a body whose columns are those of `schema`, or raise: a part of a body is never returned.

    Raises WireVersionError if the service uses another version of the format, and WireError if the body is cut,
    damaged or reordered.
    """
    rows = _read(body, schema)
    try:
        metadata = {key.decode(): value.decode() for key, value in rows.schema.metadata.items()}
        digest = metadata.pop("digest")
        if digest != _digest(metadata, rows):
            raise WireError("The body does not match its digest: its content was damaged.")
        query = json.loads(metadata["query"])
        if not isinstance(query, dict):
            raise ValueError("its query is not an object")
        return Body(rows, metadata["snapshot"], query, digest)
    except (KeyError, ValueError, RecursionError) as error:
        raise WireError(f"The body contradicts itself: {error}.") from error


def to_rows(columns: Mapping[str, Any], schema: pa.Schema) -> pa.RecordBatch:
    """Convert columns, by name, to rows of the schema."""
    return pa.record_batch([_array(columns[field.name], field.type) for field in schema], schema=schema)


def to_binary(images: Sequence[bytes | memoryview]) -> pa.Array:
    """Join the images to one column, with one copy of their bytes."""
    ends = array("i", accumulate(map(len, images), initial=0))
    return pa.Array.from_buffers(pa.binary(), len(images), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(images))])


def _array(values: Any, type: pa.DataType) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values, type)


def _read(body: bytes | memoryview, schema: pa.Schema) -> pa.RecordBatch:
    if bytes(body[-len(END_OF_STREAM) :]) != END_OF_STREAM:
        raise WireError(f"The body of {len(body)} bytes was cut: the marker at the end of an Arrow stream is missing.")
    try:
        source = pa.BufferReader(body)
        with pa.ipc.open_stream(source) as stream:
            version = (stream.schema.metadata or {}).get(b"version", b"(none)").decode()
            if version != VERSION:
                raise WireVersionError(version, VERSION)
            rows = stream.read_next_batch()
            # Check this before any value is read: the offsets of a damaged body may point outside its buffers.
            rows.validate(full=True)
            is_whole = next(iter(stream), None) is None and source.tell() == len(body)
    except (pa.ArrowException, OSError, StopIteration, UnicodeDecodeError) as error:
        raise WireError(f"The body of {len(body)} bytes is not one whole Arrow stream: {error}.") from error
    if not is_whole or not rows.schema.equals(schema, check_metadata=False):
        raise WireError("The body is an Arrow stream, but not one record batch with the columns of this version.")
    return rows


def _digest(metadata: Mapping[str, str], rows: pa.RecordBatch) -> str:
    """Compute SHA-256 over the metadata and, column by column, all values; of an image its length and CRC-32.

    A checksum of each image is what a batch can afford: SHA-256 over the bytes of all images takes longer than all
    other work of either side.
    """
    hasher = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for column in rows.columns:
        for part in _hashed_parts(column):
            hasher.update(part)
    return hasher.hexdigest()


def _hashed_parts(column: pa.Array) -> Iterator[bytes | memoryview]:
    """Yield the offsets of values of varying length, then the values, both without Arrow's padding."""
    _, *buffers = column.buffers()
    values = memoryview(buffers[-1] or b"")
    if len(buffers) == 1:
        yield values[: len(column) * column.type.bit_width // 8]
        return
    ends = np.frombuffer(buffers[0], "<i4", len(column) + 1)
    yield ends.tobytes()
    if column.type == pa.binary():
        checksums = [crc32(values[begin:end]) for begin, end in pairwise(ends.tolist())]
        yield np.array(checksums, "<u4").tobytes()
    else:
        yield values[: ends[-1]]


def _metadata_size(rows: pa.RecordBatch) -> int:
    return sum(len(key) + len(value) for key, value in rows.schema.metadata.items())
