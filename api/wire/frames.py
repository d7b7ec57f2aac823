"""A batch of whole frames, as one Arrow stream: one row a frame (`arrow.py`).

Context prediction trains on whole frames (Doersch et al.; Sec. 4.2).
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
    """N whole frames as JPEGs; frame i stands at `position[i]` of the snapshot's order of frames.

    `frame_id` is `<video>-<frame>`. `decode_frames` fills in `digest`.
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


def encode_frames(batch: FrameBatch) -> tuple[memoryview, str]:
    """Return the body of a response, and its digest. The same batch always gives the same bytes."""
    columns = {name: getattr(batch, name) for name in ("position", "epoch", "frame_id")}
    rows = to_rows({**columns, "jpeg": to_binary(batch.images)}, SCHEMA)
    return encode_rows(rows, batch.snapshot, batch.query)


def decode_frames(body: bytes | memoryview) -> FrameBatch:
    """Decode a body. Raises as `decode_rows` does."""
    decoded = decode_rows(body, SCHEMA)
    return FrameBatch(
        snapshot=decoded.snapshot,
        query=decoded.query,
        position=decoded.rows["position"].to_numpy().copy(),
        epoch=decoded.rows["epoch"].to_numpy().copy(),
        frame_id=decoded.rows["frame_id"].to_pylist(),
        images=decoded.rows["jpeg"].to_pylist(),
        digest=decoded.digest,
    )
