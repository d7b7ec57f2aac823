"""A run's folder: `<data>/runs/<name>/` with settings.json, metrics.jsonl, checkpoints and, at the end, the trunk."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from foundation.errors import SettingsError
from foundation.files import atomic_write
from foundation.settings import from_stored, to_stored
from trainer.errors import RunError, TrainerError
from trainer.objectives.registry import GRAPH, OBJECTIVES, unused_settings
from trainer.settings import RuntimeSettings, TrainSettings

TRACKS_MIX = "intra:1"
"""The default mix of a run on a snapshot without transitive pairs."""

Snapshot = Mapping[str, Any]
"""A snapshot as the service describes it: its `id`, and its `counts` of each kind of pair. A folder of images is
described in the same way."""


class Run:
    """A run's folder. While it is entered, no other process can enter it: that raises RunError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings_file = folder / "settings.json"
        self.metrics_file = folder / "metrics.jsonl"
        self.evaluations_file = folder / "evaluations.jsonl"
        self.trunk_file = folder / "trunk.safetensors"
        self._lock = FileLock(folder / "lock")

    @property
    def name(self) -> str:
        return self.folder.name

    def __enter__(self) -> Run:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise RunError(
                f"Another trainer is training the run in {self.folder}. Wait until it ends, or choose another --run."
            ) from error
        self._is_new = not self.settings_file.exists()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._lock.release()
        refused = kind is not None and issubclass(kind, (TrainerError, SettingsError))
        if refused and self._is_new and not self.metrics_file.exists():
            # The settings cannot be trained with, so the next command must not resume with them.
            self.settings_file.unlink(missing_ok=True)
        if not self.settings_file.exists():
            # The run did not begin, so its name stays free.
            Path(self._lock.lock_file).unlink(missing_ok=True)
            self.folder.rmdir()

    def runtime(self, given: Mapping[str, Any]) -> RuntimeSettings:
        """Combine the given runtime settings with those of the last time."""
        return replace(from_stored(RuntimeSettings, self._read().get("machine", {})), **given)

    def settings(
        self,
        given: Mapping[str, Any],
        find_snapshot: Callable[[TrainSettings], Snapshot],
        notify: Callable[[str], None],
    ) -> tuple[TrainSettings, Snapshot]:
        """Determine the settings of the run, and its snapshot.

        A new run takes the given settings, the defaults for the rest, and the snapshot that `find_snapshot` finds. An
        existing run keeps its settings and its snapshot, and raises RunError if a given setting differs. Raises
        SettingsError if the objective does not read a given setting.
        """
        stored = self._read()
        if stored:
            return resume_settings(self.name, from_stored(TrainSettings, stored["settings"]), given), stored["snapshot"]
        # Check the settings before the request to the service, so that wrong ones are refused at once.
        wanted = check_new_settings(given)
        snapshot = find_snapshot(wanted)
        return resolve_settings(wanted, "mix" in given, snapshot, notify), snapshot

    def write(self, settings: TrainSettings, snapshot: Snapshot, runtime: RuntimeSettings) -> None:
        """Write settings.json."""
        content = {"settings": to_stored(settings), "snapshot": snapshot, "machine": to_stored(runtime)}
        with atomic_write(self.settings_file) as file:
            file.write(json.dumps(content, indent=2).encode() + b"\n")

    def available_pairs(self) -> dict[str, int]:
        """Count the pairs of each kind in the run's snapshot."""
        counts: dict[str, int] = self._read()["snapshot"]["counts"]
        return counts

    def _read(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.settings_file.read_text()) if self.settings_file.exists() else {}
        return content


def check_new_settings(given: Mapping[str, Any]) -> TrainSettings:
    """Combine the given settings of a new run with the defaults of its objective. Raises SettingsError."""
    settings = TrainSettings(**given)
    spec = OBJECTIVES[settings.objective]
    if unused := sorted(unused_settings(settings.objective) & set(given)):
        names = ", ".join(f"--{name.replace('_', '-')}" for name in unused)
        raise SettingsError(f"The objective {settings.objective} has no use for {names}: leave that out.")
    if not settings.images and not spec.reads & GRAPH:
        raise SettingsError(f"The objective {settings.objective} trains on a folder: name it with --images.")
    return TrainSettings(**{**spec.defaults, **given})


def resolve_settings(
    wanted: TrainSettings, mix_was_given: bool, snapshot: Snapshot, notify: Callable[[str], None]
) -> TrainSettings:
    """Replace `latest` by the snapshot's id, and the default mix by one that the snapshot has pairs for."""
    reads = OBJECTIVES[wanted.objective].reads
    settings = replace(wanted, snapshot=snapshot["id"]) if "snapshot" in reads else wanted
    if "mix" in reads and not mix_was_given and not snapshot["counts"]["transitive"]:
        notify(f"Snapshot {settings.snapshot} has no INTER edges: training on tracks alone (--mix {TRACKS_MIX}).")
        settings = replace(settings, mix=TRACKS_MIX)
    return settings


def resume_settings(name: str, stored: TrainSettings, given: Mapping[str, Any]) -> TrainSettings:
    """Return the stored settings of a run, with more `steps` if given. Raises RunError if another setting differs."""
    # `latest` means the snapshot that was the latest when the run began.
    wanted = {key: value for key, value in given.items() if (key, value) != ("snapshot", "latest")}
    steps = wanted.pop("steps", stored.steps)
    differences = find_differences(asdict(stored), wanted)
    # The cosine schedule depends on the number of steps: with more, the steps done so far would have been others.
    if steps < stored.steps or (steps > stored.steps and stored.schedule == "cosine"):
        differences["steps"] = (stored.steps, steps)
    if differences:
        raise settings_differ(name, differences)
    return replace(stored, steps=steps)


def find_differences(stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Map each given setting that differs to its stored and its given value."""
    return {key: (stored.get(key), value) for key, value in given.items() if value != stored.get(key)}


def settings_differ(name: str, differences: Mapping[str, tuple[Any, Any]]) -> RunError:
    """Make the error of a run that cannot be resumed with other settings."""
    listed = ", ".join(f"{key} ({stored!r}, now {given!r})" for key, (stored, given) in differences.items())
    return RunError(
        f"The run {name} began with other settings: {listed}. Leave these options out to continue it, "
        "or choose another --run to begin anew. Only --steps may grow, and not under the schedule cosine."
    )


def unused_name(runs: Path, trunk: str) -> str:
    """Choose a name for a run without one: `<trunk>-<n>`, the first that is free."""
    number, trunk = 1, trunk.replace(":", "-")
    while (runs / f"{trunk}-{number}").exists():
        number += 1
    return f"{trunk}-{number}"
