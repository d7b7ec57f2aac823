"""TripletDataset: a torch dataset over the seeded order, for DataLoader workers and DDP. Needs torch.

loader = DataLoader(TripletDataset(url, snapshot, steps=1000), batch_size=None, num_workers=2)
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch.distributed
from torch.utils.data import IterableDataset, get_worker_info

from api.client.http import TripletClient
from api.client.stream import Schedule, TripletStream
from api.wire.query import DEFAULT_COUNT, DEFAULT_MIX
from api.wire.triplets import TripletBatch


class TripletDataset(IterableDataset[TripletBatch]):
    """Gives `steps` batches of one reader, from position `start` on, in the same order for any number of workers.

    Worker w of n fetches the batches w, w + n, w + 2n, …, the order in which a DataLoader takes them. `rank` and
    `world` default to those of torch.distributed if it is initialized. Images stay JPEGs, which makes batches cheap
    to pickle: decode them where you augment. Iterating raises what the client raises.
    """

    def __init__(
        self,
        url: str,
        snapshot: str,
        *,
        steps: int,
        api_key: str | None = None,
        seed: int = 0,
        mix: str = DEFAULT_MIX,
        negatives: str = "batch",
        batch: int = DEFAULT_COUNT,
        start: int = 0,
        rank: int | None = None,
        world: int | None = None,
    ) -> None:
        default_rank, default_world = _rank_and_world()
        self.schedule = Schedule(
            batch=batch,
            start=start,
            rank=default_rank if rank is None else rank,
            world=default_world if world is None else world,
        )
        self.steps = steps
        self._url = url
        self._api_key = api_key
        self._order: dict[str, Any] = {"snapshot": snapshot, "seed": seed, "mix": mix, "negatives": negatives}

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[TripletBatch]:
        info = get_worker_info()
        worker, num_workers = (info.id, info.num_workers) if info else (0, 1)
        schedule = self.schedule
        # Each worker is one reader among world · workers. It makes its own client: connections do not survive a fork.
        with (
            TripletClient(self._url, api_key=self._api_key) as client,
            TripletStream(
                client,
                **self._order,
                batch=schedule.batch,
                start=schedule.start,
                rank=worker * schedule.world + schedule.rank,
                world=schedule.world * num_workers,
            ) as stream,
        ):
            yield from islice(stream, len(range(worker, self.steps, num_workers)))

    def after(self, steps: int) -> int:
        """Return the `start` of a dataset that goes on after `steps` batches of every reader, in any world."""
        return self.schedule.after(steps)


def _rank_and_world() -> tuple[int, int]:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1
