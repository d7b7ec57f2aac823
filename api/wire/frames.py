"""The contract for whole frames: what context prediction is trained on (Doersch et al.; Sec. 4.2 mines with it).

A body (`body.py`) is one record batch, a row a frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from api.wire.arrow import decode_rows, encode_rows, to_binary, to_rows

SCHEMA = pa.schema(
    [
        pa.field("position", pa.int64(), nullable=False),
        pa.field("epoch", pa.int64(), nullable=False),
        pa.field("frame_id", pa.string(), nullable=False),
        pa.field("jpeg", pa.binary(), nullable=False),
    ]
)


@dataclass(frozen=True, eq=False, kw_only=True)
class FrameBatch:
    """N whole frames, JPEG, as they stand at `position[i]` of the snapshot's order of frames.

    `frame_id` is `<video>-<frame>`. `digest` is filled in by `decode`.
    """

    snapshot: str
    query: Mapping[str, Any]
    position: NDArray[np.int64]
    epoch: NDArray[np.int64]
    frame_id: Sequence[str]
    images: Sequence[bytes | memoryview]
    digest: str = ""

    def __len__(self) -> int:
        return len(self.position)


def encode(batch: FrameBatch) -> tuple[memoryview, str]:
    """The body of a response, and its content digest. The same batch always gives the same bytes."""
    columns = {name: getattr(batch, name) for name in ("position", "epoch", "frame_id")}
    rows = to_rows({**columns, "jpeg": to_binary(batch.images)}, SCHEMA)
    return encode_rows(rows, batch.snapshot, batch.query)


def decode(body: bytes | memoryview) -> FrameBatch:
    """The frames that a body carries. Raises as `decode_rows` does: a part of a batch is never returned."""
    read = decode_rows(body, SCHEMA)
    return FrameBatch(
        snapshot=read.snapshot,
        query=read.query,
        position=read.rows["position"].to_numpy().copy(),
        epoch=read.rows["epoch"].to_numpy().copy(),
        frame_id=read.rows["frame_id"].to_pylist(),
        images=read.rows["jpeg"].to_pylist(),
        digest=read.digest,
    )
