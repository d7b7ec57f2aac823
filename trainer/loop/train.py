"""The training loop: batches in, weights out. Reads top to bottom."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import cv2
import torch

from foundation.errors import SettingsError
from trainer.data.triplets import TripletSource
from trainer.distributed.parallel import ParallelModel
from trainer.distributed.ranks import SINGLE_PROCESS, RankShard, any_rank, local_rank
from trainer.evaluation.online import Evaluator
from trainer.loop.batch_feed import BatchFeed
from trainer.loop.recorder import NoRecord, Record
from trainer.loop.state import TrainState
from trainer.loop.step import do_step
from trainer.objectives.registry import OBJECTIVES
from trainer.runs.metrics import Summary
from trainer.runs.progress import Progress
from trainer.runs.run import Run
from trainer.settings import RuntimeSettings, TrainSettings


def train(
    run: Run,
    settings: TrainSettings,
    machine: RuntimeSettings,
    source: TripletSource,
    progress: Progress,
    stop: threading.Event,
    part: RankShard = SINGLE_PROCESS,
) -> Summary | None:
    """Train the run from its last checkpoint (or from nothing) to `settings.steps`, or until `stop` is set.

    On one machine's CPU, with as many threads and the same versions, a run that was killed and resumed ends with the
    same weights, bit for bit, as one that was not. Returns None where not one step was done, and on all ranks but the
    first. Raises what the client raises, and LossNotFinite.
    """
    device = prepare_device(machine)
    if settings.decode == "gpu" and device.type != "cuda":
        raise SettingsError(f"The setting decode is gpu, but the run is on {device.type}: choose --decode cpu.")
    objective = OBJECTIVES[settings.objective].load()(settings, source)
    state = TrainState.begin(settings, device)
    state.resume(run.folder, progress.say)
    network = ParallelModel(state.model, part, compiled=machine.compile)
    evaluator = Evaluator(machine, settings, source, progress.say) if machine.evaluate_every and part.first else None
    pin = device.type == "cuda"
    with (
        closing(Record(run, state, machine, progress, evaluator) if part.first else NoRecord()) as record,
        closing(BatchFeed(source, state, machine, part=part, pin=pin, say=progress.say, save=record.save)) as feed,
    ):
        while state.step < settings.steps:
            started, waited_before = time.perf_counter(), feed.waited
            try:
                batches = feed.take(stop)
                stopped = any_rank(batches is None, part)
            except Exception:
                # Also where another rank failed, and is missing here.
                record.save()
                raise
            if stopped or batches is None:
                break
            done = do_step(objective, state, network, [batch.to(device) for batch in batches], record.look)
            record.add(done, seconds=time.perf_counter() - started, waited=feed.waited - waited_before)
        record.save()
        return record.finish()


def prepare_device(machine: RuntimeSettings) -> torch.device:
    """The device, with as many threads as asked for and, on the CPU, only algorithms that always give the same sum."""
    name = machine.device
    if name == "auto":
        name = f"cuda:{local_rank()}" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise SettingsError(f"The device {name!r} cannot be used: {error}") from error
    if machine.threads:
        torch.set_num_threads(machine.threads)
    cv2.setNumThreads(0)  # the loaders are threads already
    torch.use_deterministic_algorithms(device.type == "cpu")
    return device
