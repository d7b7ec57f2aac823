"""The training loop: triplets in, weights out. Reads top to bottom."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from dataclasses import asdict
from functools import partial

import cv2
import torch

from trainer.errors import SettingsError
from trainer.feed import Feed
from trainer.metrics import Metrics, MetricsFile, Summary, read_metrics, summarize
from trainer.objectives import KINDS
from trainer.progress import Progress
from trainer.ranks import WHOLE
from trainer.run import Run
from trainer.settings import Machine, TrainSettings
from trainer.state import TrainState
from trainer.step import do_step
from trainer.stream import TripletSource
from trainer.weights import save_trunk


def train(
    run: Run,
    settings: TrainSettings,
    machine: Machine,
    source: TripletSource,
    progress: Progress,
    stop: threading.Event,
) -> Summary | None:
    """Train the run from its last checkpoint (or from nothing) to `settings.steps`, or until `stop` is set.

    On one machine's CPU, with as many threads and the same versions, a run that was killed and resumed ends with the
    same weights, bit for bit, as one that was not. Returns None where not one step was done. Raises what the client
    raises, and LossNotFinite.
    """
    device = prepare_device(machine)
    objective = KINDS[settings.objective].load()(settings, source)
    state = TrainState.begin(settings, device)
    state.resume(run.folder, progress.say)
    network = torch.compile(state.model) if machine.compile else state.model
    pin, save = device.type == "cuda", partial(state.save, run.folder)
    with (
        closing(MetricsFile(run.metrics_file, state.step)) as metrics_file,
        closing(Feed(source, state, machine, part=WHOLE, pin=pin, say=progress.say, save=save)) as feed,
    ):
        while state.step < settings.steps:
            started, waited_before = time.perf_counter(), feed.waited
            try:
                batches = feed.take(stop)
            except Exception:
                save()
                raise
            if batches is None:
                break

            done = do_step(objective, state, network, [batch.to(device) for batch in batches])

            metrics = Metrics(
                step=state.step,
                snapshot=state.snapshot,
                position=state.position,
                **asdict(done),
                seconds=time.perf_counter() - started,
                waited=feed.waited - waited_before,
            )
            metrics_file.append(metrics)
            progress.show(metrics)
            if state.step % machine.checkpoint_every == 0:
                metrics_file.sync()
                save()
    save()
    return finish(run, state)


def prepare_device(machine: Machine) -> torch.device:
    """The device, with as many threads as asked for and, on the CPU, only algorithms that always give the same sum."""
    name = machine.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise SettingsError(f"The device {name!r} cannot be used: {error}") from error
    if machine.threads:
        torch.set_num_threads(machine.threads)
    cv2.setNumThreads(0)  # the loaders are threads already
    torch.use_deterministic_algorithms(device.type == "cpu")
    return device


def finish(run: Run, state: TrainState) -> Summary | None:
    """Sum the run up, and write its trunk as others load it."""
    lines = read_metrics(run.metrics_file)
    if not lines:
        return None
    summary = summarize(lines, run.available_pairs())
    settings = state.settings
    about = {"run": run.name, "steps": summary.steps, "pairs": summary.pairs}
    save_trunk(state.model.trunk, run.trunk_file, {**about, "settings": asdict(settings)})
    return summary
