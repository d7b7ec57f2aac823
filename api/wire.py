"""The contract between the service and whoever trains: one batch of pairs as one Arrow stream.

A body is one record batch, a row a pair. `negative` indexes the 2·N images of the batch (the anchors,
then the positives); -1 says that the row brings its own in `negative_jpeg`. The schema's metadata carries
the version, the snapshot, the whole query and a digest over every value of every column in row order.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

try:
    from isal.isal_zlib import crc32
except ModuleNotFoundError:
    # The same checksum, at a tenth of the speed: a notebook does without.
    crc32 = zlib.crc32

VERSION = "1"
MEDIA_TYPE = "application/vnd.apache.arrow.stream"

SCHEMA = pa.schema(
    [
        pa.field("position", pa.int64(), nullable=False),
        pa.field("epoch", pa.int64(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("anchor_id", pa.string(), nullable=False),
        pa.field("positive_id", pa.string(), nullable=False),
        pa.field("anchor_group", pa.string(), nullable=False),
        pa.field("positive_group", pa.string(), nullable=False),
        pa.field("anchor_jpeg", pa.binary(), nullable=False),
        pa.field("positive_jpeg", pa.binary(), nullable=False),
        pa.field("negative", pa.int32(), nullable=False),
        pa.field("negative_id", pa.string(), nullable=False),
        pa.field("negative_group", pa.string(), nullable=False),
        pa.field("negative_jpeg", pa.binary(), nullable=True),
    ]
)

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


@dataclass(frozen=True, eq=False, kw_only=True)
class TripletBatch:
    """N triplets and their images. Row i is the pair at `position[i]`, and its negative.

    `images` are JPEGs: N anchors, N positives, then the negatives that are neither; `negative_idx` (int64, N)
    indexes them, and its extra negatives come in row order. `digest` is filled in by `decode`.
    """

    snapshot: str
    query: Mapping[str, Any]
    position: NDArray[np.int64]
    epoch: NDArray[np.int64]
    kind: Sequence[str]
    anchor_id: Sequence[str]
    positive_id: Sequence[str]
    negative_id: Sequence[str]
    anchor_group: Sequence[str]
    positive_group: Sequence[str]
    negative_group: Sequence[str]
    images: Sequence[bytes | memoryview]
    negative_idx: NDArray[np.int64]
    digest: str = ""

    def __len__(self) -> int:
        return len(self.position)

    @cached_property
    def anchor_idx(self) -> NDArray[np.int64]:
        return np.arange(len(self), dtype=np.int64)

    @cached_property
    def positive_idx(self) -> NDArray[np.int64]:
        return self.anchor_idx + len(self)


def encode(batch: TripletBatch) -> tuple[memoryview, str]:
    """The body of a response, and its content digest. The same batch always gives the same bytes."""
    rows = _to_arrow(batch)
    query = json.dumps(dict(batch.query), sort_keys=True)
    about = {"version": VERSION, "snapshot": batch.snapshot, "query": query}
    digest = _digest(about, rows)
    rows = rows.replace_schema_metadata({**about, "digest": digest})
    body = pa.allocate_buffer(pa.ipc.get_record_batch_size(rows) + 16_384 + _metadata_size(rows))
    sink = pa.FixedSizeBufferWriter(body)
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_batch(rows)
    return memoryview(body)[: sink.tell()], digest


def decode(body: bytes | memoryview) -> TripletBatch:
    """The batch that a body carries.

    Raises WireVersionError where the service is of another version, and WireError where the body was cut,
    damaged or reordered: a part of a batch is never returned.
    """
    rows = _read(body)
    try:
        about = {key.decode(): value.decode() for key, value in rows.schema.metadata.items()}
        digest = about.pop("digest")
        if digest != _digest(about, rows):
            raise WireError("The body does not have the digest that it promises: its content was damaged.")
        query = json.loads(about["query"])
        if not isinstance(query, dict):
            raise ValueError("its query is none")
        return _from_arrow(rows, about["snapshot"], query, digest)
    except (KeyError, ValueError, RecursionError) as error:
        raise WireError(f"The body contradicts itself: {error}.") from error


def _to_arrow(batch: TripletBatch) -> pa.RecordBatch:
    num_pairs = len(batch)
    extra = batch.negative_idx >= 2 * num_pairs
    own = _binary(batch.images[2 * num_pairs :])
    columns = {
        "position": batch.position,
        "epoch": batch.epoch,
        "kind": batch.kind,
        "anchor_id": batch.anchor_id,
        "positive_id": batch.positive_id,
        "anchor_group": batch.anchor_group,
        "positive_group": batch.positive_group,
        "anchor_jpeg": _binary(batch.images[:num_pairs]),
        "positive_jpeg": _binary(batch.images[num_pairs : 2 * num_pairs]),
        "negative": np.where(extra, -1, batch.negative_idx).astype(np.int32),
        "negative_id": batch.negative_id,
        "negative_group": batch.negative_group,
        "negative_jpeg": own.take(pa.array(batch.negative_idx - 2 * num_pairs, mask=~extra)),
    }
    return pa.record_batch([_array(columns[field.name], field.type) for field in SCHEMA], schema=SCHEMA)


def _array(values: Any, type: pa.DataType) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values, type)


def _binary(images: Sequence[bytes | memoryview]) -> pa.Array:
    """The images as a column, put together at once."""
    ends = array("i", accumulate(map(len, images), initial=0))
    return pa.Array.from_buffers(pa.binary(), len(images), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(images))])


def _from_arrow(rows: pa.RecordBatch, snapshot: str, query: dict[str, Any], digest: str) -> TripletBatch:
    num_pairs = rows.num_rows
    negative_idx = rows["negative"].to_numpy().astype(np.int64)
    own = rows["negative_jpeg"].is_valid().to_numpy(zero_copy_only=False)
    known = (negative_idx >= -1) & (negative_idx < 2 * num_pairs)
    if not known.all() or not np.array_equal(own, negative_idx == -1):
        raise ValueError("a negative is neither an image of the batch nor sent along")
    negative_idx[own] = 2 * num_pairs + np.arange(own.sum())
    return TripletBatch(
        snapshot=snapshot,
        query=query,
        # Copies, as all else here is: a batch must not keep its whole body alive.
        position=rows["position"].to_numpy().copy(),
        epoch=rows["epoch"].to_numpy().copy(),
        images=[
            *rows["anchor_jpeg"].to_pylist(),
            *rows["positive_jpeg"].to_pylist(),
            *rows["negative_jpeg"].drop_null().to_pylist(),
        ],
        negative_idx=negative_idx,
        digest=digest,
        **{name: rows[name].to_pylist() for name in ("kind", "anchor_id", "positive_id", "negative_id")},
        **{name: rows[name].to_pylist() for name in ("anchor_group", "positive_group", "negative_group")},
    )


def _read(body: bytes | memoryview) -> pa.RecordBatch:
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
    if not whole or not rows.schema.equals(SCHEMA, check_metadata=False):
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
