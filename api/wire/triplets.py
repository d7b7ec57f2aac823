"""A batch of triplets, as one Arrow stream: one row a pair (`arrow.py`).

`negative` indexes the 2·N images of the batch (the anchors, then the positives); −1 means that the row has its own
negative in `negative_jpeg`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from api.wire.arrow import Body, decode_rows, encode_rows, to_binary, to_rows
from api.wire.errors import WireError

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


@dataclass(frozen=True, eq=False, kw_only=True)
class TripletBatch:
    """N triplets and their images. Row i is the pair at `position[i]`, with its negative.

    `images` are JPEGs: N anchors, N positives, then, in row order, the negatives that are neither. `negative_idx`
    (int64, N) indexes `images`. `decode_triplets` fills in `digest`.
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


def encode_triplets(batch: TripletBatch) -> tuple[memoryview, str]:
    """Return the body of a response, and its digest. The same batch always gives the same bytes."""
    return encode_rows(_to_rows(batch), batch.snapshot, batch.query)


def decode_triplets(body: bytes | memoryview) -> TripletBatch:
    """Decode a body. Raises as `decode_rows` does."""
    decoded = decode_rows(body, SCHEMA)
    try:
        return _from_rows(decoded)
    except ValueError as error:
        raise WireError(f"The body contradicts itself: {error}.") from error


def _to_rows(batch: TripletBatch) -> pa.RecordBatch:
    num_pairs = len(batch)
    is_extra = batch.negative_idx >= 2 * num_pairs
    extra_images = to_binary(batch.images[2 * num_pairs :])
    columns = {
        "position": batch.position,
        "epoch": batch.epoch,
        "kind": batch.kind,
        "anchor_id": batch.anchor_id,
        "positive_id": batch.positive_id,
        "anchor_group": batch.anchor_group,
        "positive_group": batch.positive_group,
        "anchor_jpeg": to_binary(batch.images[:num_pairs]),
        "positive_jpeg": to_binary(batch.images[num_pairs : 2 * num_pairs]),
        "negative": np.where(is_extra, -1, batch.negative_idx).astype(np.int32),
        "negative_id": batch.negative_id,
        "negative_group": batch.negative_group,
        "negative_jpeg": extra_images.take(pa.array(batch.negative_idx - 2 * num_pairs, mask=~is_extra)),
    }
    return to_rows(columns, SCHEMA)


def _from_rows(body: Body) -> TripletBatch:
    rows = body.rows
    num_pairs = rows.num_rows
    negative_idx = rows["negative"].to_numpy().astype(np.int64)
    is_extra = rows["negative_jpeg"].is_valid().to_numpy(zero_copy_only=False)
    is_in_range = (negative_idx >= -1) & (negative_idx < 2 * num_pairs)
    if not is_in_range.all() or not np.array_equal(is_extra, negative_idx == -1):
        raise ValueError("a negative is neither an image of the batch nor in its own row")
    negative_idx[is_extra] = 2 * num_pairs + np.arange(is_extra.sum())
    return TripletBatch(
        snapshot=body.snapshot,
        query=body.query,
        # All values are copies: a batch must not keep its whole body in memory.
        position=rows["position"].to_numpy().copy(),
        epoch=rows["epoch"].to_numpy().copy(),
        images=[
            *rows["anchor_jpeg"].to_pylist(),
            *rows["positive_jpeg"].to_pylist(),
            *rows["negative_jpeg"].drop_null().to_pylist(),
        ],
        negative_idx=negative_idx,
        digest=body.digest,
        **{name: rows[name].to_pylist() for name in ("kind", "anchor_id", "positive_id", "negative_id")},
        **{name: rows[name].to_pylist() for name in ("anchor_group", "positive_group", "negative_group")},
    )
