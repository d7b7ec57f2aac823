"""`affinity train`, once its options are read: settings, client, signals, and what is printed."""

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
from trainer.errors import ImagesChanged
from trainer.loop.signals import StopRequest
from trainer.runs.metrics import Summary, label
from trainer.runs.progress import NullProgress, Progress, client_reports
from trainer.runs.run import Run, Snapshot, unused_name
from trainer.settings import COMMON_TRUNKS, RuntimeSettings, TrainSettings, runs_folder

if TYPE_CHECKING:
    from trainer.data.triplets import TripletSource

PATHS = {"init", "images", "evaluate_on"}
"""Settings that are kept as whole paths: a run may be resumed from elsewhere."""
FIRST_PATIENCE = 30.0
"""Seconds that a new run waits for the service: nothing is lost yet, and the address may be wrong."""


def run_training(
    name: str | None, given: Mapping[str, Any], *, api_key: str | None, data: Path | None, json_output: bool
) -> int:
    """Train the run of this name with the settings that were given; the exit code."""
    if find_spec("torch") is None:  # known here already, not only once a service was found
        raise ModuleNotFoundError("No module named 'torch'", name="torch")
    runs = runs_folder(data)
    settings_given, machine_given = _of(TrainSettings, given), _of(RuntimeSettings, given)
    for of_kind in (settings_given, machine_given):
        of_kind.update({name: str(Path(of_kind[name]).absolute()) for name in PATHS & set(of_kind)})
    with join_ranks() as part:
        if part.first:
            return _lead(runs, name, settings_given, machine_given, part, api_key=api_key, json_output=json_output)
        return _follow(runs, part, api_key=api_key)


def _lead(
    runs: Path,
    name: str | None,
    settings_given: Mapping[str, Any],
    machine_given: Mapping[str, Any],
    part: RankShard,
    *,
    api_key: str | None,
    json_output: bool,
) -> int:
    """What the first rank does, which is mostly the only one: settle the run, train it, say what came of it."""
    with Run(runs / (name or unused_name(runs, settings_given.get("trunk", TrainSettings.trunk)))) as run:
        machine = run.machine(machine_given)
        if machine.follow and part.world > 1:
            raise SettingsError("The ranks of a run cannot follow a snapshot that ended: leave --follow out.")
        patience = min(FIRST_PATIENCE, machine.reconnect_seconds)
        with TripletClient(machine.url, api_key=api_key, patience=patience) as client, client_reports(_say):
            settings, snapshot = run.settings(settings_given, partial(find_snapshot, client), _say)
        if settings.images_folder and find_images(settings.images_folder)["id"] != snapshot["id"]:
            raise ImagesChanged(run.name, settings.images_folder)
        if machine.tensorboard:
            from trainer.runs.tensorboard import check_tensorboard

            check_tensorboard()
        if settings.trunk not in COMMON_TRUNKS:
            from trainer.models.trunk import Trunk

            Trunk(settings.trunk, settings.image_size)
        run.write(settings, snapshot, machine)
        broadcast((run.name, settings, machine), part)
        # Torch takes seconds to import, and what can be refused is refused by now.
        from trainer.loop.train import train

        _say(f"Run {run.name}: {settings.objective} with {settings.trunk} on {snapshot['id']}, in {run.folder}")
        with (
            TripletClient(machine.url, api_key=api_key, patience=machine.reconnect_seconds) as client,
            Progress(settings.steps) as progress,
            client_reports(progress.say),
            StopRequest() as stop,
        ):
            summary = train(run, settings, machine, client, progress, stop.event, part)
        _report(run, settings, summary, json_output=json_output)
        if not stop.signum:
            return 0
        done = summary.steps if summary else 0
        _say(f"Stopped after step {done} of {settings.steps}. To go on: affinity train --run {run.name}")
        return stop.exit_code


def _follow(runs: Path, part: RankShard, *, api_key: str | None) -> int:
    """What the other ranks do: train with what the first one settled, in silence."""
    from trainer.loop.train import train

    settled: tuple[str, TrainSettings, RuntimeSettings] | None = broadcast(None, part)
    assert settled is not None
    name, settings, machine = settled
    with (
        TripletClient(machine.url, api_key=api_key, patience=machine.reconnect_seconds) as client,
        StopRequest() as stop,
    ):
        train(Run(runs / name), settings, machine, client, NullProgress(settings.steps), stop.event, part)
    return stop.exit_code if stop.signum else 0


def find_snapshot(client: TripletSource, settings: TrainSettings) -> Snapshot:
    """What a new run with these settings is to be trained on. Raises what the client raises."""
    if settings.images_folder:
        return find_images(settings.images_folder)
    snapshot = client.snapshot(settings.snapshot)
    # One whole frame a track is what context prediction has of a snapshot.
    return {**snapshot, "counts": {**snapshot["counts"], "frame": snapshot["counts"]["intra"]}}


def find_images(root: Path) -> Snapshot:
    """A folder of images, described as the service describes a snapshot. Raises SettingsError where it has none."""
    folder = ImageFolder.read(root)
    return {"id": folder.id, "counts": {"frame": len(folder), "image": len(folder)}}


def _of(kind: type[TrainSettings] | type[RuntimeSettings], given: Mapping[str, Any]) -> dict[str, Any]:
    return {field.name: given[field.name] for field in fields(kind) if field.name in given}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _report(run: Run, settings: TrainSettings, summary: Summary | None, *, json_output: bool) -> None:
    if json_output:
        about = {"run": run.name, "folder": str(run.folder), "settings": asdict(settings)}
        print(json.dumps({**about, **(asdict(summary) if summary else {"steps": 0})}))
    elif summary is not None:
        seen = ", ".join(f"{count} {kind} ({summary.epochs[kind]:.2f} epochs)" for kind, count in summary.pairs.items())
        measures = " and ".join(f"{label(name)} {value:.3f}" for name, value in summary.measures_last.items())
        fresh = "each was fresh" if summary.fresh else "some came more than once"
        print(
            f"{summary.steps} steps on {seen} pairs; {fresh}.\n"
            f"Mean loss {summary.loss_first:.4f} in the first 20 steps, {summary.loss_last:.4f} in the last 20"
            f"{f'; there {measures}' if measures else ''}.\n"
            f"{summary.images_per_second:.0f} images/s, {summary.waited_share:.1%} of the time waiting for data.\n"
            f"Trunk: {run.trunk_file}"
        )
