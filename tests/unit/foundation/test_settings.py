"""Settings that are declared once: limits, stored names, options and rows of the docs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_type_hints

import pytest
from cyclopts import Parameter

from foundation.errors import SettingsError
from foundation.options import options
from foundation.settings import Limits, check, from_stored, invalid, setting, to_stored
from foundation.tables import settings_table


@dataclass(frozen=True, kw_only=True)
class Example:
    panel: ClassVar = "Examples"

    image_size: int = setting(96, "Side of the image.", unit="pixels", paper="96", ge=32, le=100_000)
    rate: float = setting(0.1, "Rate.", gt=0, lt=1, advanced=True)
    kind: Literal["left", "right"] = setting("left", "Which side.", stored="side", stored_values={"left": "l"})
    both: bool = setting(False, "Whether both.", stored="sides", stored_values={False: "one", True: "two"})
    count: int | None = setting(None, "How many.", when_unset="all", ge=1)
    inner: str = setting("", "No option.", option=False)
    plain: str = "not a setting"

    def __post_init__(self) -> None:
        check(self)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"image_size": 16}, "The setting image-size is 16; it must be from 32 to 100,000."),
        ({"rate": 0.0}, "The setting rate is 0.0; it must be above 0 and below 1."),
        ({"rate": float("nan")}, "The setting rate is nan; it must be above 0 and below 1."),
        ({"kind": "up"}, "The setting kind is 'up'; it must be left or right."),
        ({"count": 0}, "The setting count is 0; it must be at least 1."),
    ],
)
def test_a_value_that_is_not_allowed_is_named_with_what_is(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        Example(**given)
    assert str(raised.value) == message


def test_a_rule_over_two_settings_gives_the_same_sentence() -> None:
    assert str(invalid("min_moving", 2, "at most 1")) == "The setting min-moving is 2; it must be at most 1."


def test_limits_are_inclusive_or_not_as_declared() -> None:
    Example(image_size=32, count=1)
    Example(image_size=100_000)
    assert Limits(gt=0, le=1).allow(1) and not Limits(gt=0, le=1).allow(0)
    assert (str(Limits()), str(Limits(gt=0, le=1))) == ("", "above 0 and at most 1")


def test_stored_names_and_values_come_back() -> None:
    example = Example(kind="right", both=True, count=3)
    stored = {"image_size": 96, "rate": 0.1, "side": "right", "sides": "two", "count": 3, "inner": ""}
    assert to_stored(example) == stored and list(to_stored(example)) == list(stored)
    assert from_stored(Example, stored) == example
    assert from_stored(Example, {"side": "l"}) == Example()


def test_an_unknown_or_wrong_stored_setting_is_refused() -> None:
    with pytest.raises(TypeError, match="sort"):
        from_stored(Example, {"sort": "left"})
    with pytest.raises(SettingsError, match="image-size is 3"):
        from_stored(Example, {"image_size": 3})


def option(name: str) -> Parameter:
    [parameter] = get_type_hints(options(Example), include_extras=True)[name].__metadata__
    assert isinstance(parameter, Parameter)
    return parameter


def test_an_option_says_meaning_paper_and_default() -> None:
    assert option("image_size").help == "Side of the image. Paper: 96. Default: 96 pixels."
    assert option("count").help == "How many. Default: all."
    assert option("both").help == "Whether both. Default: off."


def test_advanced_settings_are_shown_by_help_all_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert option("image_size").show and not option("rate").show
    monkeypatch.setattr("sys.argv", ["affinity", "--help-all"])
    assert option("rate").show


def test_only_settings_with_an_option_are_options() -> None:
    names = ["image_size", "rate", "kind", "both", "count"]
    assert list(get_type_hints(options(Example))) == names


def test_the_docs_have_a_row_for_each_option() -> None:
    rows = settings_table(Example).splitlines()
    assert rows[:2] == ["| option | default | allowed | paper | meaning |", "|---|---|---|---|---|"]
    assert rows[2] == "| `--image-size` | 96 pixels | from 32 to 100,000 | 96 | Side of the image. |"
    assert rows[4] == "| `--kind` | left | `left`, `right` | | Which side. |"
    assert len(rows) == 7
