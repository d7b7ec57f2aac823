"""TripletStream: one reader's batches of the order, one after another, fetched ahead. Needs what the client needs.

Who reads which positions is arithmetic: reader `rank` of `world` has at step s the pairs from
`start + (s · world + rank) · batch` on. Together the readers give every pair once, whatever the world; another world
goes on at the first position that nobody was given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from threading import Event
from types import TracebackType
from typing import Any, Self, TypeVar

from api.client.http import TripletClient
from api.client.prefetch import Prefetch
from api.wire.triplets import TripletBatch

T = TypeVar("T")

MIX = "transitive:7,intra:2"
"""The paper's (Sec. 6)."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Which positions a reader is given: batches of `batch` pairs, from `start` on, as number `rank` of `world`."""

    batch: int = 100
    start: int = 0
    rank: int = 0
    world: int = 1

    def __post_init__(self) -> None:
        if self.batch < 1 or self.start < 0 or not 0 <= self.rank < self.world:
            raise ValueError(f"{self}: batch is at least 1, start at least 0, and rank from 0 to world − 1.")

    def position(self, step: int) -> int:
        """Of the first pair of this reader's batch at a step, counted from 0."""
        return self.start + (step * self.world + self.rank) * self.batch

    def after(self, steps: int) -> int:
        """The first position that nobody was given, once every reader has taken so many batches."""
        return self.start + steps * self.world * self.batch


class BatchStream(Iterator[T]):
    """An iterator over the results of `load(position)`, in the order of a schedule. Threads load ahead.

    At most `ahead` results are loaded before they are taken; `batches` is their number in all, None without end.
    Use it as a context manager, or close it. Iterating raises what `load` raises.
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
        """Batches of this schedule that were taken."""
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
            self.close()  # so that the next call loads the same batch again, and skips none
            raise
        if batch is not None:
            self.taken += 1
        return batch

    def __next__(self) -> T:
        batch = self.take(Event())
        assert batch is not None
        return batch

    def close(self) -> None:
        """Drop what was loaded and not taken. Iterating on loads it again."""
        if self._prefetch is not None:
            self._prefetch.close()
            self._prefetch = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()


class TripletStream(BatchStream[TripletBatch]):
    """An endless iterator of batches. Use it as a context manager, or close it.

    `ahead` batches at most are fetched before they are asked for, by as many threads; the client must take as many
    requests. Iterating raises what the client raises. `snapshot` is an id: `latest` may be another one tomorrow.

    After `state_dict()` and `load_state_dict()` the stream goes on where it was, in the same world or another, as long
    as every reader had taken equally many batches; then `start` is all there is to remember.
    """

    def __init__(
        self,
        client: TripletClient,
        snapshot: str,
        *,
        seed: int = 0,
        mix: str = MIX,
        negatives: str = "batch",
        batch: int = 100,
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
        """What a checkpoint needs to keep: the order, and where in it the next batches of all readers begin."""
        return {**self._order, "start": self.schedule.after(self.taken)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state. Raises ValueError where it is of another order: other pairs would come, or come twice."""
        differing = {name for name, value in self._order.items() if state.get(name) != value}
        if differing:
            names = ", ".join(sorted(differing))
            raise ValueError(f"The state is of another order ({names} differ): make the stream with {state}.")
        self.close()
        now = self.schedule
        self.schedule = Schedule(batch=now.batch, start=state["start"], rank=now.rank, world=now.world)
        self.taken = 0

    def _fetch(self, position: int) -> TripletBatch:
        return self._client.triplets(**self._order, position=position, count=self.schedule.batch)
