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
from trainer.loop.recorder import Recorder, RunRecorder
from trainer.loop.state import TrainState
from trainer.loop.step import train_step
from trainer.objectives.registry import make_objective
from trainer.runs.metrics import Summary
from trainer.runs.progress import Progress
from trainer.runs.run import Run
from trainer.settings import RuntimeSettings, TrainSettings


def train(
    run: Run,
    settings: TrainSettings,
    runtime: RuntimeSettings,
    source: TripletSource,
    progress: Progress,
    stop: threading.Event,
    shard: RankShard = SINGLE_PROCESS,
) -> Summary | None:
    """Train the run from its last checkpoint (or from nothing) to `settings.steps`, or until `stop` is set.

    On a CPU, with the same number of threads and the same versions, a run that was killed and resumed ends with the
    same weights, bit for bit, as one that was not. Returns None if no step was done, and on all ranks but the main
    one. Raises the client's errors, and LossNotFinite.
    """
    device = prepare_device(settings, runtime)
    objective = make_objective(settings, source)
    state = TrainState.begin(settings, device)
    state.resume(run.folder, progress.notify)
    model = ParallelModel(state.model, shard, compiled=runtime.compile)
    with (
        closing(_open_recorder(run, state, runtime, source, progress, shard)) as recorder,
        closing(BatchFeed(source, state, runtime, shard=shard, notify=progress.notify, save=recorder.save)) as feed,
    ):
        while state.step < settings.steps:
            started = time.perf_counter()
            try:
                batches = feed.take(stop)
                waited = time.perf_counter() - started
                stopped = any_rank(batches is None, shard)
            except Exception:
                # The service failed, or another rank did and no longer answers: keep the steps done so far.
                recorder.save()
                raise
            if stopped or batches is None:
                break
            batches = [batch.to(device) for batch in batches]
            result = train_step(objective, state, model, batches, recorder.step_hook)
            recorder.add(result, seconds=time.perf_counter() - started, waited=waited)
        recorder.save()
        return recorder.finish()


def prepare_device(settings: TrainSettings, runtime: RuntimeSettings) -> torch.device:
    """Choose the device and the number of threads; on the CPU, allow deterministic algorithms only.

    Raises SettingsError if the device cannot be used, or cannot decode images as the settings want.
    """
    name = runtime.device
    if name == "auto":
        name = f"cuda:{local_rank()}" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise SettingsError(f"The device {name!r} cannot be used: {error}") from error
    if settings.decode == "gpu" and device.type != "cuda":
        raise SettingsError(f"The setting decode is gpu, but the run is on {device.type}: choose --decode cpu.")
    if runtime.threads:
        torch.set_num_threads(runtime.threads)
    cv2.setNumThreads(0)  # the loaders are threads already
    torch.use_deterministic_algorithms(device.type == "cpu")
    return device


def _open_recorder(
    run: Run, state: TrainState, runtime: RuntimeSettings, source: TripletSource, progress: Progress, shard: RankShard
) -> Recorder:
    if not shard.is_main:
        return Recorder()
    evaluator = Evaluator(runtime, state.settings, source, progress.notify) if runtime.evaluate_every else None
    return RunRecorder(run, state, runtime, progress, evaluator)
