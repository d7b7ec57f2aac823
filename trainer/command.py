"""`affinity train` after its options are parsed: settings, client, signals, and what is printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, fields
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.client.http import TripletClient
from foundation.errors import SettingsError
from trainer.data.image_folder import ImageFolder
from trainer.distributed.ranks import RankShard, broadcast, join_ranks
from trainer.errors import RunError
from trainer.loop.signals import StopRequest
from trainer.runs.metrics import Summary, measure_label
from trainer.runs.progress import NullProgress, Progress, client_warnings
from trainer.runs.run import Run, Snapshot, unused_name
from trainer.settings import COMMON_TRUNKS, RuntimeSettings, TrainSettings, runs_folder

if TYPE_CHECKING:
    from trainer.data.triplets import TripletSource

PATHS = {"init", "images", "evaluate_on"}
"""Settings that are stored as absolute paths: a run may be resumed from another folder."""
FIRST_PATIENCE = 30.0
"""Seconds that a new run waits for the service. Nothing would be lost yet, and the address may be wrong."""


def run_training(
    name: str | None, given: Mapping[str, Any], *, api_key: str | None, data: Path | None, json_output: bool
) -> int:
    """Train the run of this name with the given settings. Returns the exit code."""
    if find_spec("torch") is None:  # fail here already, not only after the service was found
        raise ModuleNotFoundError("No module named 'torch'", name="torch")
    runs = runs_folder(data)
    given = {key: str(Path(value).absolute()) if key in PATHS else value for key, value in given.items()}
    with join_ranks() as shard:
        if shard.is_main:
            return _train_main_rank(runs, name, given, shard, api_key=api_key, json_output=json_output)
        return _train_other_rank(runs, shard, api_key=api_key)


def _train_main_rank(
    runs: Path,
    name: str | None,
    given: Mapping[str, Any],
    shard: RankShard,
    *,
    api_key: str | None,
    json_output: bool,
) -> int:
    """Determine the settings, send them to the other ranks, train, and print a summary."""
    with Run(runs / (name or unused_name(runs, given.get("trunk", TrainSettings.trunk)))) as run:
        runtime = run.runtime(_select(RuntimeSettings, given))
        if runtime.follow and shard.world > 1:
            raise SettingsError("The ranks of a run cannot follow a snapshot that ended: leave --follow out.")
        patience = min(FIRST_PATIENCE, runtime.reconnect_seconds)
        with TripletClient(runtime.url, api_key=api_key, patience=patience) as client, client_warnings(_notify):
            settings, snapshot = run.settings(_select(TrainSettings, given), partial(find_snapshot, client), _notify)
        _check(run, settings, runtime, snapshot)
        run.write(settings, snapshot, runtime)
        broadcast((run.name, settings, runtime), shard)
        # Torch takes seconds to import, so wrong settings are refused before.
        from trainer.loop.train import train

        _notify(f"Run {run.name}: {settings.objective} with {settings.trunk} on {snapshot['id']}, in {run.folder}")
        with (
            TripletClient(runtime.url, api_key=api_key, patience=runtime.reconnect_seconds) as client,
            Progress(settings.steps) as progress,
            client_warnings(progress.notify),
            StopRequest() as stop,
        ):
            summary = train(run, settings, runtime, client, progress, stop.event, shard)
        _print_summary(run, settings, summary, json_output=json_output)
        if not stop.signum:
            return 0
        done = summary.steps if summary else 0
        _notify(f"Stopped after step {done} of {settings.steps}. To continue: affinity train --run {run.name}")
        return stop.exit_code


def _train_other_rank(runs: Path, shard: RankShard, *, api_key: str | None) -> int:
    """Receive the settings from the main rank, and train without printing."""
    from trainer.loop.train import train

    received: tuple[str, TrainSettings, RuntimeSettings] | None = broadcast(None, shard)
    assert received is not None
    name, settings, runtime = received
    with (
        TripletClient(runtime.url, api_key=api_key, patience=runtime.reconnect_seconds) as client,
        StopRequest() as stop,
    ):
        train(Run(runs / name), settings, runtime, client, NullProgress(settings.steps), stop.event, shard)
    return stop.exit_code if stop.signum else 0


def _check(run: Run, settings: TrainSettings, runtime: RuntimeSettings, snapshot: Snapshot) -> None:
    """Check what the settings name before anything is written. Raises RunError and SettingsError."""
    if settings.images_folder and find_images(settings.images_folder)["id"] != snapshot["id"]:
        raise RunError(
            f"The images in {settings.images_folder} changed since the run {run.name} began, so their order would "
            "differ. Put them back to continue the run, or choose another --run to begin anew."
        )
    if runtime.tensorboard:
        from trainer.runs.tensorboard import check_tensorboard

        check_tensorboard()
    if settings.trunk not in COMMON_TRUNKS:
        from trainer.models.trunk import Trunk

        Trunk(settings.trunk, settings.image_size)


def find_snapshot(client: TripletSource, settings: TrainSettings) -> Snapshot:
    """Find what a new run with these settings is trained on. Raises the client's errors."""
    if settings.images_folder:
        return find_images(settings.images_folder)
    snapshot = client.snapshot(settings.snapshot)
    # A snapshot holds one whole frame for each track; context prediction is trained on those.
    return {**snapshot, "counts": {**snapshot["counts"], "frame": snapshot["counts"]["intra"]}}


def find_images(root: Path) -> Snapshot:
    """Describe a folder of images as the service describes a snapshot. Raises SettingsError if it has none."""
    folder = ImageFolder.read(root)
    return {"id": folder.id, "counts": {"frame": len(folder), "image": len(folder)}}


def _select(kind: type[TrainSettings] | type[RuntimeSettings], given: Mapping[str, Any]) -> dict[str, Any]:
    """Select the given settings that belong to one of the two classes."""
    return {field.name: given[field.name] for field in fields(kind) if field.name in given}


def _notify(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print_summary(run: Run, settings: TrainSettings, summary: Summary | None, *, json_output: bool) -> None:
    if json_output:
        about = {"run": run.name, "folder": str(run.folder), "settings": asdict(settings)}
        print(json.dumps({**about, **(asdict(summary) if summary else {"steps": 0})}))
    elif summary is not None:
        pairs = ", ".join(
            f"{count} {kind} ({summary.epochs[kind]:.2f} epochs)" for kind, count in summary.pairs.items()
        )
        measures = " and ".join(f"{measure_label(name)} {value:.3f}" for name, value in summary.measures_last.items())
        fresh = "no pair came twice" if summary.fresh else "some pairs came more than once"
        print(
            f"{summary.steps} steps on {pairs} pairs; {fresh}.\n"
            f"Mean loss {summary.loss_first:.4f} in the first 20 steps, {summary.loss_last:.4f} in the last 20"
            f"{f'; there {measures}' if measures else ''}.\n"
            f"{summary.images_per_second:.0f} images/s, {summary.waited_share:.1%} of the time waiting for data.\n"
            f"Trunk: {run.trunk_file}"
        )
