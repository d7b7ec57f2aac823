"""TripletStream: an endless iterator over one reader's batches, fetched ahead. Needs what the client needs.

Reader `rank` of `world` reads at step s the pairs from position `start + (s · world + rank) · batch` on. Together the
readers read every pair once, for any world. A changed world goes on at the first position that no reader was given.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from threading import Event
from types import TracebackType
from typing import Any

from api.client.http import TripletClient
from api.client.prefetch import Prefetch
from api.wire.query import DEFAULT_COUNT, DEFAULT_MIX
from api.wire.triplets import TripletBatch


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The positions of one reader: batches of `batch` pairs, from `start` on, as reader `rank` of `world`."""

    batch: int = DEFAULT_COUNT
    start: int = 0
    rank: int = 0
    world: int = 1

    def __post_init__(self) -> None:
        if self.batch < 1 or self.start < 0 or not 0 <= self.rank < self.world:
            raise ValueError(f"{self}: batch must be at least 1, start at least 0, and rank from 0 to world − 1.")

    def position(self, step: int) -> int:
        """Return the first position of this reader's batch at a step, counted from 0."""
        return self.start + (step * self.world + self.rank) * self.batch

    def after(self, steps: int) -> int:
        """Return the first position that no reader was given, after every reader took `steps` batches."""
        return self.start + steps * self.world * self.batch


class TripletStream(Iterator[TripletBatch]):
    """An endless iterator of batches. Use it as a context manager, or close it.

    Up to `ahead` batches are fetched ahead, by as many threads. Iterating raises what the client raises. `snapshot`
    is an id; `latest` is refused, because it may mean another snapshot tomorrow.

    After `state_dict()` and `load_state_dict()` the stream goes on where it was, in the same world or in another one,
    if every reader took the same number of batches.
    """

    def __init__(
        self,
        client: TripletClient,
        snapshot: str,
        *,
        seed: int = 0,
        mix: str = DEFAULT_MIX,
        negatives: str = "batch",
        batch: int = DEFAULT_COUNT,
        start: int = 0,
        rank: int = 0,
        world: int = 1,
        ahead: int = 4,
    ) -> None:
        if snapshot == "latest":
            raise ValueError("A stream reads one snapshot: pass client.snapshot('latest')['id'] instead of 'latest'.")
        self.schedule = Schedule(batch=batch, start=start, rank=rank, world=world)
        self.taken = 0
        """How many batches of this schedule were taken."""
        self._client = client
        self._order: dict[str, Any] = {"snapshot": snapshot, "seed": seed, "mix": mix, "negatives": negatives}
        self._ahead = ahead
        self._prefetch: Prefetch[TripletBatch] | None = None

    def __next__(self) -> TripletBatch:
        if self._prefetch is None:
            positions = map(self.schedule.position, count(self.taken))
            self._prefetch = Prefetch(self._fetch, positions, threads=self._ahead, ahead=self._ahead)
        batch = self._prefetch.take(Event())
        assert batch is not None
        self.taken += 1
        return batch

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: the order, and the position at which the next batches begin."""
        return {**self._order, "start": self.schedule.after(self.taken)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state. Raises ValueError if the state is of another order, whose pairs would be others."""
        differing = {name for name, value in self._order.items() if state.get(name) != value}
        if differing:
            names = ", ".join(sorted(differing))
            raise ValueError(f"The state is of another order ({names} differ). Create the stream with {state}.")
        self.close()
        self.schedule = replace(self.schedule, start=state["start"])
        self.taken = 0

    def close(self) -> None:
        """Drop the batches that were fetched but not taken. Further iteration fetches them again."""
        if self._prefetch is not None:
            self._prefetch.close()
            self._prefetch = None

    def __enter__(self) -> TripletStream:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def _fetch(self, position: int) -> TripletBatch:
        return self._client.triplets(**self._order, position=position, count=self.schedule.batch)
