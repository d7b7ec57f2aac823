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
from trainer.errors import RunBusy, SettingsDiffer, TrainerError
from trainer.objectives.registry import GRAPH, unread
from trainer.objectives.registry import OBJECTIVES as OBJECTIVES
from trainer.settings import RuntimeSettings, TrainSettings

WITHOUT_INTER = "intra:1"
"""The mix of a run that names none, where the snapshot has no transitive pairs."""

Snapshot = Mapping[str, Any]
"""As the service describes one: its `id`, and its `counts` of each kind of pair. A folder is described likewise."""


class Run:
    """Held by one trainer at a time, while entered. Entering raises RunBusy where another holds it."""

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
            raise RunBusy(self.folder) from error
        self._new = not self.settings_file.exists()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._lock.release()
        refused = kind is not None and issubclass(kind, TrainerError | SettingsError)
        if refused and self._new and not self.metrics_file.exists():
            # Its settings cannot be trained with, so they are not those to go on with.
            self.settings_file.unlink(missing_ok=True)
        if not self.settings_file.exists():
            # It came to nothing: its name stays free.
            Path(self._lock.lock_file).unlink(missing_ok=True)
            self.folder.rmdir()

    def machine(self, given: Mapping[str, Any]) -> RuntimeSettings:
        """Where to run: as given, and for the rest as last time."""
        return replace(from_stored(RuntimeSettings, self._read().get("machine", {})), **given)

    def settings(
        self, given: Mapping[str, Any], find_snapshot: Callable[[TrainSettings], Snapshot], say: Callable[[str], None]
    ) -> tuple[TrainSettings, Snapshot]:
        """What to train with, from the settings that were given, and the snapshot that `find_snapshot` finds for them.

        A new run takes the defaults for the rest. A run that exists keeps its own, its snapshot among them, and
        raises SettingsDiffer where one that was given is another. Raises SettingsError where the objective does not
        read one that was given.
        """
        stored = self._read()
        if stored:
            return resume_settings(self.name, from_stored(TrainSettings, stored["settings"]), given), stored["snapshot"]
        # Before the service is asked, so that what cannot be is refused at once.
        asked = ask_settings(given)
        snapshot = find_snapshot(asked)
        return begin_settings(asked, "mix" in given, snapshot, say), snapshot

    def write(self, settings: TrainSettings, snapshot: Snapshot, machine: RuntimeSettings) -> None:
        """Keep all three for the next time."""
        content = {"settings": to_stored(settings), "snapshot": snapshot, "machine": to_stored(machine)}
        with atomic_write(self.settings_file) as file:
            file.write(json.dumps(content, indent=2).encode() + b"\n")

    def available_pairs(self) -> dict[str, int]:
        """How many pairs of each kind the run's snapshot has."""
        counts: dict[str, int] = self._read()["snapshot"]["counts"]
        return counts

    def _read(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.settings_file.read_text()) if self.settings_file.exists() else {}
        return content


def ask_settings(given: Mapping[str, Any]) -> TrainSettings:
    """The settings that a new run is asked for: those given, and its objective's and the common defaults."""
    settings = TrainSettings(**given)
    kind = OBJECTIVES[settings.objective]
    if surplus := sorted(unread(settings.objective) & set(given)):
        names = ", ".join(f"--{name.replace('_', '-')}" for name in surplus)
        raise SettingsError(f"The objective {settings.objective} has no use for {names}: leave that out.")
    if not settings.images and not kind.reads & GRAPH:
        raise SettingsError(f"The objective {settings.objective} trains on a folder: name it with --images.")
    return TrainSettings(**{**kind.defaults, **given})


def begin_settings(
    asked: TrainSettings, mix_was_given: bool, snapshot: Snapshot, say: Callable[[str], None]
) -> TrainSettings:
    """The settings of a new run: its snapshot an id, its mix one that the snapshot can give."""
    reads = OBJECTIVES[asked.objective].reads
    settings = replace(asked, snapshot=snapshot["id"]) if "snapshot" in reads else asked
    if "mix" in reads and not mix_was_given and not snapshot["counts"]["transitive"]:
        say(f"Snapshot {settings.snapshot} has no INTER edges: training on tracks alone (--mix {WITHOUT_INTER}).")
        settings = replace(settings, mix=WITHOUT_INTER)
    return settings


def resume_settings(name: str, stored: TrainSettings, given: Mapping[str, Any]) -> TrainSettings:
    """The settings of a run that goes on: its own, with `steps` perhaps grown. Raises SettingsDiffer."""
    # The run's snapshot was the latest when it began; `latest` does not ask for another.
    asked = {key: value for key, value in given.items() if (key, value) != ("snapshot", "latest")}
    steps = asked.pop("steps", stored.steps)
    differences = differing(asdict(stored), asked)
    # A cosine is drawn over all steps: with more of them, those already done would have been others.
    if steps < stored.steps or (steps > stored.steps and stored.schedule == "cosine"):
        differences["steps"] = (stored.steps, steps)
    if differences:
        raise SettingsDiffer(name, differences)
    return replace(stored, steps=steps)


def differing(stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """For each setting that was given and differs: what is stored, and what was given."""
    return {key: (stored.get(key), value) for key, value in given.items() if value != stored.get(key)}


def unused_name(runs: Path, trunk: str) -> str:
    """A name for a run that was given none: `<trunk>-<n>`, the first that is free."""
    number, trunk = 1, trunk.replace(":", "-")
    while (runs / f"{trunk}-{number}").exists():
        number += 1
    return f"{trunk}-{number}"
