"""A checked body of HTTP: one record batch as one Arrow stream, with a digest over all that it says.

What the columns mean is up to `wire.py` and `frames.py`. The schema's metadata carries the version of the contract, the
snapshot, the whole query and the digest.
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

try:
    from isal.isal_zlib import crc32
except ModuleNotFoundError:
    # The same checksum, at a tenth of the speed: a notebook does without.
    crc32 = zlib.crc32

VERSION = "1"
MEDIA_TYPE = "application/vnd.apache.arrow.stream"

# A stream ends with this marker; a body that was cut there would read as whole without it.
END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"


class WireError(Exception):
    """A body is not what a service sends: cut, damaged, reordered, or not the answer to the question."""


class WireVersionError(WireError):
    """The service speaks another version of the contract; asking again will not help."""

    def __init__(self, version: str) -> None:
        self.version = version
        super().__init__(
            f"The service sends version {version} of the triplet format, this client reads {VERSION}. "
            "Install the same version of affinity-graph on both sides."
        )


@dataclass(frozen=True, eq=False, slots=True)
class Body:
    """What a body says: rows of a schema, the snapshot and the query that they answer, and their digest."""

    rows: pa.RecordBatch
    snapshot: str
    query: dict[str, Any]
    digest: str


def encode_rows(rows: pa.RecordBatch, snapshot: str, query: Mapping[str, Any]) -> tuple[memoryview, str]:
    """The body of a response, and its content digest. The same rows always give the same bytes."""
    about = {"version": VERSION, "snapshot": snapshot, "query": json.dumps(dict(query), sort_keys=True)}
    digest = _digest(about, rows)
    rows = rows.replace_schema_metadata({**about, "digest": digest})
    body = pa.allocate_buffer(pa.ipc.get_record_batch_size(rows) + 16_384 + _metadata_size(rows))
    sink = pa.FixedSizeBufferWriter(body)
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_batch(rows)
    return memoryview(body)[: sink.tell()], digest


def decode_rows(body: bytes | memoryview, schema: pa.Schema) -> Body:
    """What a body of this schema says.

    Raises WireVersionError where the service is of another version, and WireError where the body was cut, damaged or
    reordered: a part of it is never returned.
    """
    rows = _read(body, schema)
    try:
        about = {key.decode(): value.decode() for key, value in rows.schema.metadata.items()}
        digest = about.pop("digest")
        if digest != _digest(about, rows):
            raise WireError("The body does not have the digest that it promises: its content was damaged.")
        query = json.loads(about["query"])
        if not isinstance(query, dict):
            raise ValueError("its query is none")
        return Body(rows, about["snapshot"], query, digest)
    except (KeyError, ValueError, RecursionError) as error:
        raise WireError(f"The body contradicts itself: {error}.") from error


def to_rows(columns: Mapping[str, Any], schema: pa.Schema) -> pa.RecordBatch:
    """Columns by name as rows of the schema."""
    return pa.record_batch([_array(columns[field.name], field.type) for field in schema], schema=schema)


def to_binary(images: Sequence[bytes | memoryview]) -> pa.Array:
    """The images as a column, put together at once."""
    ends = array("i", accumulate(map(len, images), initial=0))
    return pa.Array.from_buffers(pa.binary(), len(images), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(images))])


def _array(values: Any, type: pa.DataType) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values, type)


def _read(body: bytes | memoryview, schema: pa.Schema) -> pa.RecordBatch:
    if bytes(body[-len(END_OF_STREAM) :]) != END_OF_STREAM:
        raise WireError(f"The body of {len(body)} bytes was cut: it does not end as an Arrow stream ends.")
    try:
        source = pa.BufferReader(body)
        with pa.ipc.open_stream(source) as stream:
            version = (stream.schema.metadata or {}).get(b"version", b"(none)").decode()
            if version != VERSION:
                raise WireVersionError(version)
            rows = stream.read_next_batch()
            # Before anything looks inside: offsets of a damaged body may point anywhere.
            rows.validate(full=True)
            whole = next(iter(stream), None) is None and source.tell() == len(body)
    except (pa.ArrowException, OSError, StopIteration, UnicodeDecodeError) as error:
        raise WireError(f"The body of {len(body)} bytes is not one whole Arrow stream: {error}.") from error
    if not whole or not rows.schema.equals(schema, check_metadata=False):
        raise WireError("The body is an Arrow stream, but not one batch of this version's columns.")
    return rows


def _digest(about: Mapping[str, str], rows: pa.RecordBatch) -> str:
    """SHA-256 over the metadata and, column by column, over all values; an image goes in as its length and CRC-32.

    The checksum of each image is what a batch can afford: SHA-256 over all their bytes takes longer than everything
    else that either side does.
    """
    hasher = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for column in rows.columns:
        for part in _parts(column):
            hasher.update(part)
    return hasher.hexdigest()


def _parts(column: pa.Array) -> Iterator[bytes | memoryview]:
    """The values of a column without Arrow's padding, after where each of them ends if they vary in length."""
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
