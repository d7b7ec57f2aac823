"""TripletDataset: the order as a dataset of torch, for DataLoader workers and for DDP. Needs torch beside the client.

loader = DataLoader(TripletDataset(url, snapshot), batch_size=None, num_workers=2)
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch.distributed
from torch.utils.data import IterableDataset, get_worker_info

from api.client.http import TripletClient
from api.client.stream import MIX, Schedule, TripletStream
from api.wire.triplets import TripletBatch


class TripletDataset(IterableDataset[TripletBatch]):
    """`steps` batches of one reader, from `start` on, in the same order whatever the number of workers.

    Worker w of n fetches the batches w, w + n, w + 2n …, which is how a DataLoader takes them in turn. `rank` and
    `world` are those of torch.distributed where it is in use. Pickled images stay JPEG: decode them where you augment.
    Iterating raises what the client raises.
    """

    def __init__(
        self,
        url: str,
        snapshot: str,
        *,
        steps: int,
        api_key: str | None = None,
        seed: int = 0,
        mix: str = MIX,
        negatives: str = "batch",
        batch: int = 100,
        start: int = 0,
        rank: int | None = None,
        world: int | None = None,
    ) -> None:
        self.schedule = Schedule(batch=batch, start=start, rank=_rank(rank), world=_world(world))
        self.steps = steps
        self._url = url
        self._api_key = api_key
        self._order: dict[str, Any] = {"snapshot": snapshot, "seed": seed, "mix": mix, "negatives": negatives}

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[TripletBatch]:
        worker = get_worker_info()
        number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        mine = range(number, self.steps, workers)
        whole = self.schedule
        # A worker is a reader among rank · workers; the client is its own, since connections do not survive a fork.
        with (
            TripletClient(self._url, api_key=self._api_key) as client,
            TripletStream(
                client,
                **self._order,
                batch=whole.batch,
                start=whole.start,
                rank=number * whole.world + whole.rank,
                world=whole.world * workers,
            ) as stream,
        ):
            yield from islice(stream, len(mine))

    def after(self, steps: int) -> int:
        """The `start` of a dataset that goes on after so many batches of every reader, in any world."""
        return self.schedule.after(steps)


def _rank(given: int | None) -> int:
    return given if given is not None else torch.distributed.get_rank() if _distributed() else 0


def _world(given: int | None) -> int:
    return given if given is not None else torch.distributed.get_world_size() if _distributed() else 1


def _distributed() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
