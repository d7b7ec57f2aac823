"""Declare a setting once: its default, limits, sentence, the paper's value, and the name it is stored under.

The command line (foundation/options.py) and the tables of the docs (foundation/tables.py) read the same declarations.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from foundation.errors import SettingsError

S = TypeVar("S")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """The numbers that a setting may have. None: no limit on that side."""

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None

    def allow(self, value: float) -> bool:
        return (
            (self.ge is None or value >= self.ge)
            and (self.gt is None or value > self.gt)
            and (self.le is None or value <= self.le)
            and (self.lt is None or value < self.lt)
        )

    def __str__(self) -> str:
        if self.ge is not None and self.le is not None:
            return f"from {_number(self.ge)} to {_number(self.le)}"
        low = f"above {_number(self.gt)}" if self.gt is not None else ""
        low = f"at least {_number(self.ge)}" if self.ge is not None else low
        high = f"below {_number(self.lt)}" if self.lt is not None else ""
        high = f"at most {_number(self.le)}" if self.le is not None else high
        return " and ".join(part for part in (low, high) if part)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Declaration:
    """What is known about a setting besides its name, its type and its default."""

    help: str
    unit: str
    paper: str
    when_unset: str
    limits: Limits
    stored: str | None
    stored_values: Mapping[Any, Any]
    only_with: tuple[str, object] | None
    advanced: bool
    option: bool


def setting(
    default: Any,
    help: str,
    *,
    unit: str = "",
    paper: str = "",
    when_unset: str = "",
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    stored: str | None = None,
    stored_values: Mapping[Any, Any] | None = None,
    only_with: tuple[str, object] | None = None,
    advanced: bool = False,
    option: bool = True,
) -> Any:
    """Declare a field of a settings dataclass. The allowed words of a setting are its `Literal` type.

    help: one sentence, without the default, the limits and the paper's value; these are added where it is shown.
    unit: the unit of the number, such as "pixels". paper: the paper's value. when_unset: the meaning of None.
    ge, gt, le, lt: limits, named as in annotated-types.
    stored, stored_values: the name and the values in files and digests, where these differ from today's.
    only_with: name and value of another setting; with its other values this one has no effect, and is not stored.
    advanced: `--help` leaves the option out, `--help-all` shows it. option=False: there is no option.
    """
    declaration = Declaration(
        help=help,
        unit=unit,
        paper=paper,
        when_unset=when_unset,
        limits=Limits(ge=ge, gt=gt, le=le, lt=lt),
        stored=stored,
        stored_values=stored_values or {},
        only_with=only_with,
        advanced=advanced,
        option=option,
    )
    return dataclasses.field(default=default, metadata={"setting": declaration})


def declarations(kind: type) -> Mapping[str, tuple[Declaration, Any, Any]]:
    """The declaration, the type and the default of each setting of a settings class, by name."""
    hints = get_type_hints(kind)
    return {
        field.name: (field.metadata["setting"], hints[field.name], field.default)
        for field in dataclasses.fields(kind)
        if "setting" in field.metadata
    }


def choices(hint: Any) -> tuple[Any, ...]:
    """The words of a `Literal`, also inside a union; empty for other types."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    return tuple(word for part in get_args(hint) for word in choices(part))


def default_text(declaration: Declaration, default: Any) -> str:
    """A default as the user reads it; empty if there is nothing to say."""
    if default is None:
        return declaration.when_unset
    if isinstance(default, bool):
        return "on" if default else "off"
    text = _number(default) if isinstance(default, int | float) else str(default)
    return f"{text} {declaration.unit}".strip()


def invalid(name: str, value: object, allowed: str) -> SettingsError:
    """The error for a setting with a value that is not allowed. `name` may be a field's name."""
    return SettingsError(f"The setting {name.replace('_', '-')} is {value!r}; it must be {allowed}.")


def check(settings: Any) -> None:
    """Raise SettingsError for the first setting whose value is not allowed."""
    for name, (declaration, hint, default) in declarations(type(settings)).items():
        value = getattr(settings, name)
        if value is None and default is None:
            continue
        words = choices(hint)
        if words and value not in words:
            raise invalid(name, value, ", ".join(map(str, words[:-1])) + f" or {words[-1]}")
        if str(declaration.limits) and not declaration.limits.allow(value):
            raise invalid(name, value, str(declaration.limits))


def to_stored(settings: Any) -> dict[str, Any]:
    """The settings under the names and with the values of files and digests, in the order of the fields."""
    stored = {}
    for name, (declaration, _, _) in declarations(type(settings)).items():
        if declaration.only_with and getattr(settings, declaration.only_with[0]) != declaration.only_with[1]:
            continue
        value = getattr(settings, name)
        stored[declaration.stored or name] = declaration.stored_values.get(value, value)
    return stored


def from_stored(kind: type[S], stored: Mapping[str, Any]) -> S:
    """Read what `to_stored` gave. A setting that the file does not have gets its default.

    Raises TypeError for an unknown setting, and SettingsError for a value that is not allowed.
    """
    given = dict(stored)
    for name, (declaration, _, _) in declarations(kind).items():
        key = declaration.stored or name
        if key in stored:
            today = {old: new for new, old in declaration.stored_values.items()}
            value = given.pop(key)
            given[name] = today.get(value, value)
    return kind(**given)


def _number(value: float | None) -> str:
    """`65,535`, `8477` and `0.5`."""
    return f"{value:,.10g}" if value and value >= 10_000 else f"{value:.10g}"
