"""The batches of a run, in order, across the end of a snapshot into its successor if wanted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from api.client.errors import ServiceError
from api.client.stream import BatchStream
from trainer.data.batch import Batch
from trainer.data.triplets import TripletSource
from trainer.distributed.ranks import RankShard
from trainer.loop.state import TrainState
from trainer.objectives.registry import make_objective
from trainer.settings import RuntimeSettings

GONE = 410
"""The HTTP status of a snapshot that has ended. Its problem details name the successor once that is published."""
RETRY_SECONDS = 1.0
"""Seconds between two requests for a successor."""


class BatchFeed:
    """Load ahead the batches that follow `state`.

    With `runtime.follow`, continue in the successor of a snapshot that ended. `save` is called before that: the steps
    on the ended snapshot cannot be repeated.
    """

    def __init__(
        self,
        source: TripletSource,
        state: TrainState,
        runtime: RuntimeSettings,
        *,
        shard: RankShard,
        notify: Callable[[str], None],
        save: Callable[[], None],
    ) -> None:
        self.source, self.state, self.runtime, self.shard = source, state, runtime, shard
        self.notify, self.save = notify, save
        # A GPU copies faster from page-locked memory.
        self._pin = state.model.trunk.mean.is_cuda
        self._stream = self._open_stream()

    def take(self, stop: threading.Event) -> list[Batch] | None:
        """Return the batches of the next step, all of one snapshot; None as soon as `stop` is set.

        Raises the client's errors, and DataError.
        """
        while not stop.is_set():
            try:
                taken = [self._stream.take(stop) for _ in range(self.state.settings.accumulate)]
                batches = [batch for batch in taken if batch is not None]
                return batches if len(batches) == len(taken) else None
            except ServiceError as error:
                if error.status != GONE or not self.runtime.follow:
                    raise
                if successor := self._wait_for_successor(error, stop):
                    self._follow(successor)
        return None

    def close(self) -> None:
        self._stream.close()

    def _open_stream(self) -> BatchStream[Batch]:
        state, settings = self.state, self.state.settings
        objective = make_objective(replace(settings, snapshot=state.snapshot), self.source)

        def load(position: int) -> Batch:
            batch = objective.load(position, self.shard)
            return batch.pin() if self._pin else batch

        loaders = self.runtime.loader_threads
        batches_left = (settings.steps - state.step) * settings.accumulate
        return BatchStream(load, state.schedule, threads=loaders, ahead=2 * loaders, batches=batches_left)

    def _wait_for_successor(self, error: ServiceError, stop: threading.Event) -> str | None:
        """Return the id of the snapshot to continue with, None if `stop` is set.

        Raises the error if no successor is published within `runtime.reconnect_seconds` seconds.
        """
        deadline = time.monotonic() + self.runtime.reconnect_seconds
        while not stop.is_set():
            if successor := error.problem.get("successor"):
                return str(successor)
            if time.monotonic() > deadline:
                raise error
            stop.wait(RETRY_SECONDS)
            try:
                self.source.snapshot(self.state.snapshot)
            except ServiceError as newest:
                error = newest
        return None

    def _follow(self, successor: str) -> None:
        self.save()
        self._stream.close()
        ended, step = self.state.snapshot, self.state.step
        self.notify(f"Snapshot {ended} has ended: continuing in {successor} after step {step}.")
        self.state.follow(successor)
        self._stream = self._open_stream()
