"""The batches of a run, one after another, also where its snapshot ends in the middle and has a successor."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from api.client.errors import ServiceError
from api.client.prefetch import Prefetch
from trainer.data.batch import Batch
from trainer.data.triplets import TripletSource
from trainer.distributed.ranks import RankShard
from trainer.loop.state import TrainState
from trainer.objectives.registry import OBJECTIVES
from trainer.settings import RuntimeSettings

GONE = 410
"""Of HTTP: a snapshot has ended. Its problem details name the successor, as soon as there is one."""
PAUSE = 1.0
"""Seconds between two looks for a successor."""


class BatchFeed:
    """Fetches ahead what `state` needs next. With `machine.follow`, goes on in the successor of a snapshot that ended.

    `save` keeps the steps that were done before it does: nobody can do them again.
    """

    def __init__(
        self,
        source: TripletSource,
        state: TrainState,
        machine: RuntimeSettings,
        *,
        part: RankShard,
        pin: bool,
        say: Callable[[str], None],
        save: Callable[[], None],
    ) -> None:
        self.source, self.state, self.machine = source, state, machine
        self.part, self.pin = part, pin
        self.say, self.save = say, save
        self._waited = 0.0
        self._batches = self._begin()

    @property
    def waited(self) -> float:
        """Seconds that were spent in `take`."""
        return self._waited + self._batches.waited

    def take(self, stop: threading.Event) -> list[Batch] | None:
        """The batches of the next step, all of one snapshot; None as soon as `stop` is set.

        Raises what the client raises, and ImageError.
        """
        while not stop.is_set():
            try:
                taken = [self._batches.take(stop) for _ in range(self.state.settings.accumulate)]
                batches = [batch for batch in taken if batch is not None]
                return batches if len(batches) == len(taken) else None
            except ServiceError as error:
                if error.status != GONE or not self.machine.follow:
                    raise
                if successor := self._successor(error, stop):
                    self._follow(successor)
        return None

    def close(self) -> None:
        self._batches.close()

    def _begin(self) -> Prefetch[Batch]:
        state, settings = self.state, self.state.settings
        objective = OBJECTIVES[settings.objective].load()(replace(settings, snapshot=state.snapshot), self.source)

        def load(position: int) -> Batch:
            batch = objective.load(position, self.part)
            return batch.pin() if self.pin else batch

        left = settings.steps - state.step
        end = state.position + left * settings.accumulate * settings.batch
        positions = range(state.position, end, settings.batch)
        return Prefetch(load, positions, threads=self.machine.loaders, ahead=2 * self.machine.loaders)

    def _successor(self, error: ServiceError, stop: threading.Event) -> str | None:
        """The id of the snapshot to go on with; it may still be in the making. Raises the error where none comes."""
        deadline = time.monotonic() + self.machine.patience
        while not stop.is_set():
            if successor := error.problem.get("successor"):
                return str(successor)
            if time.monotonic() > deadline:
                raise error
            stop.wait(PAUSE)
            try:
                self.source.snapshot(self.state.snapshot)
            except ServiceError as again:
                error = again
        return None

    def _follow(self, successor: str) -> None:
        self.save()
        self._waited = self.waited
        self._batches.close()
        self.say(f"Snapshot {self.state.snapshot} has ended: going on in {successor} after step {self.state.step}.")
        self.state.follow(successor)
        self._batches = self._begin()
