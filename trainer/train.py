"""The training loop: triplets in, weights out. Reads top to bottom."""

from __future__ import annotations

import math
import threading
import time
from contextlib import closing
from dataclasses import asdict
from functools import partial

import cv2
import torch
from torch import Tensor

from trainer.distance import cosine_distance
from trainer.errors import LossNotFinite, SettingsError
from trainer.feed import Feed
from trainer.loss import triplet_margin_loss
from trainer.metrics import Metrics, MetricsFile, Summary, read_metrics, summarize
from trainer.mining import Triplets, given_negatives
from trainer.progress import Progress
from trainer.run import Run
from trainer.settings import Machine, TrainSettings
from trainer.state import TrainState
from trainer.stream import TripletSource
from trainer.weights import save_trunk

# N = images of the batch, C = channels, H = height, W = width, D = embedding, T = triplets


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
    state = TrainState.begin(settings, device)
    state.resume(run.folder, progress.say)
    pin, save = device.type == "cuda", partial(state.save, run.folder)
    with (
        closing(MetricsFile(run.metrics_file, state.step)) as metrics_file,
        closing(Feed(source, state, machine, pin=pin, say=progress.say, save=save)) as batches,
    ):
        while state.step < settings.steps:
            started, waited_before = time.perf_counter(), batches.waited
            try:
                batch = batches.take(stop)
            except Exception:
                save()
                raise
            if batch is None:
                break

            images_NCHW = batch.images_NCHW.to(device, non_blocking=True)
            triplets = given_negatives(batch.triplets).to(device)
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                embeddings_ND = state.model(images_NCHW)
            ap_dist_T, an_dist_T = triplet_distances(embeddings_ND.float(), triplets)
            loss = triplet_margin_loss(ap_dist_T, an_dist_T, settings.margin)
            if not math.isfinite(loss.item()):
                raise LossNotFinite(state.step + 1, batch.position, loss.item(), state.saved)
            state.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            state.optimizer.step()
            state.advance(settings.batch)

            metrics = Metrics(
                step=state.step,
                snapshot=state.snapshot,
                position=state.position,
                loss=loss.item(),
                ap_dist=ap_dist_T.mean().item(),
                an_dist=an_dist_T.mean().item(),
                triplets=len(ap_dist_T),
                images=len(images_NCHW),
                pairs=batch.pairs,
                seconds=time.perf_counter() - started,
                waited=batches.waited - waited_before,
            )
            metrics_file.append(metrics)
            progress.show(metrics)
            if state.step % machine.checkpoint_every == 0:
                metrics_file.sync()
                save()
    save()
    return finish(run, state)


def triplet_distances(embeddings_ND: Tensor, triplets: Triplets) -> tuple[Tensor, Tensor]:
    """D(a, p) and D(a, n) of each triplet, both of shape T."""
    a, p, n = triplets
    anchors_TD = embeddings_ND[a]
    return cosine_distance(anchors_TD, embeddings_ND[p]), cosine_distance(anchors_TD, embeddings_ND[n])


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
    about = {"run": run.name, "steps": summary.steps, "triplets": summary.triplets}
    save_trunk(state.model.trunk, run.trunk_file, {**about, "settings": asdict(settings)})
    return summary
