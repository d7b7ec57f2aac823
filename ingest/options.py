"""From the options of a command to settings: an option named as a setting is that setting, and `--set` reaches any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar, get_args, get_type_hints

from ingest.errors import UnknownSetting, UnreadableSetting
from ingest.settings import ClusterSettings, IngestSettings, MiningSettings

S = TypeVar("S", MiningSettings, ClusterSettings, IngestSettings)

OWN = ("track_frames", "max_patches", "motion")
"""Mining settings with an option of their own; the others are reached by `--set`."""


def settings_of(options: Mapping[str, Any], assignments: Sequence[str]) -> IngestSettings:
    """The settings that a command was given: its options by name, and `name=value` for any other.

    Raises UnknownSetting, UnreadableSetting, and SettingsError where a value is out of range.
    """
    assigned = dict(assignment.partition("=")[::2] for assignment in assignments)
    mining = {name: options[name] for name in OWN if name in options}
    clustering = {field.name: options[field.name] for field in fields(ClusterSettings) if field.name in options}
    own = {field.name: options[field.name] for field in fields(IngestSettings) if field.name in options}
    mining |= _taken(MiningSettings, assigned)
    clustering |= _taken(ClusterSettings, assigned)
    for name in assigned:
        raise UnknownSetting(name, sorted(_assignable(MiningSettings) | _assignable(ClusterSettings)))
    return IngestSettings(mining=MiningSettings(**mining), clustering=ClusterSettings(**clustering), **own)


def _taken(kind: type[S], assigned: dict[str, str]) -> dict[str, Any]:
    """The values that are meant for this kind of settings, taken out of `assigned`."""
    hints = get_type_hints(kind)
    return {name: _value(name, assigned.pop(name), hints[name]) for name in list(assigned) if name in _assignable(kind)}


def _assignable(kind: type[S]) -> set[str]:
    # Whether whole frames are kept is --frames, which knows more: large graphs stop keeping them.
    return {field.name for field in fields(kind)} - {"frames"}


def _value(name: str, text: str, hint: Any) -> Any:
    kinds = get_args(hint) or (hint,)
    if type(None) in kinds and text == "none":
        return None
    for kind in (int, float):
        if kind in kinds:
            try:
                return kind(text)
            except ValueError as error:
                number = "a whole number" if kind is int else "a number"
                raise UnreadableSetting(name, text, number) from error
    return text
