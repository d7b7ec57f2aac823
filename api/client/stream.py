"""TripletStream: an endless iterator over one reader's batches, fetched ahead. Needs what the client needs.

Reader `rank` of `world` reads at step s the pairs from position `start + (s · world + rank) · batch` on. Together the
readers read every pair once, for any world. A changed world goes on at the first position that no reader was given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from threading import Event
from types import TracebackType
from typing import Any, Self, TypeVar

from api.client.http import TripletClient
from api.client.prefetch import Prefetch
from api.wire.query import DEFAULT_COUNT, DEFAULT_MIX
from api.wire.triplets import TripletBatch

T = TypeVar("T")


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


class BatchStream(Iterator[T]):
    """An iterator over the results of `load(position)`, in the order of a schedule. Threads load ahead.

    Up to `ahead` batches are loaded ahead. It ends after `batches` batches; None means never. Use it as a context
    manager, or close it. Iterating raises what `load` raises; after an error, it loads the same batch again.
    """

    def __init__(
        self,
        load: Callable[[int], T],
        schedule: Schedule,
        *,
        threads: int = 4,
        ahead: int = 4,
        batches: int | None = None,
    ) -> None:
        self.schedule = schedule
        self.taken = 0
        """How many batches of this schedule were taken."""
        self._load = load
        self._threads, self._ahead, self._batches = threads, ahead, batches
        self._prefetch: Prefetch[T] | None = None

    def take(self, stop: Event) -> T | None:
        """Return the next batch; None as soon as `stop` is set. Raises StopIteration after the last."""
        if self.taken == self._batches:
            raise StopIteration
        if self._prefetch is None:
            steps = count(self.taken) if self._batches is None else range(self.taken, self._batches)
            positions = map(self.schedule.position, steps)
            self._prefetch = Prefetch(self._load, positions, threads=self._threads, ahead=self._ahead)
        try:
            batch = self._prefetch.take(stop)
        except Exception:
            self.close()
            raise
        if batch is not None:
            self.taken += 1
        return batch

    def __next__(self) -> T:
        batch = self.take(Event())
        assert batch is not None
        return batch

    def close(self) -> None:
        """Drop the batches that were loaded but not taken. Further iteration loads them again."""
        if self._prefetch is not None:
            self._prefetch.close()
            self._prefetch = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()


class TripletStream(BatchStream[TripletBatch]):
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
        schedule = Schedule(batch=batch, start=start, rank=rank, world=world)
        super().__init__(self._fetch, schedule, threads=ahead, ahead=ahead)
        self._client = client
        self._order: dict[str, Any] = {"snapshot": snapshot, "seed": seed, "mix": mix, "negatives": negatives}

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

    def _fetch(self, position: int) -> TripletBatch:
        return self._client.triplets(**self._order, position=position, count=self.schedule.batch)
