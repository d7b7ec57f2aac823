"""The Python client of the service: batches of triplets for training loops and notebooks.

`TripletDataset` needs torch, which is imported only when the name is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.client.errors import AddressError, ServiceError, ServiceUnavailable
from api.client.http import TripletClient
from api.client.stream import TripletStream
from api.wire.errors import ClientError, WireError, WireVersionError
from api.wire.frames import FrameBatch
from api.wire.triplets import TripletBatch

if TYPE_CHECKING:
    from api.client.dataset import TripletDataset as TripletDataset

__all__ = [
    "AddressError",
    "ClientError",
    "FrameBatch",
    "ServiceError",
    "ServiceUnavailable",
    "TripletBatch",
    "TripletClient",
    "TripletStream",
    "WireError",
    "WireVersionError",
]


def __getattr__(name: str) -> object:
    if name == "TripletDataset":
        from api.client.dataset import TripletDataset

        return TripletDataset
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
