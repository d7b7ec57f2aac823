"""A client gets the form that its Accept header ranks highest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.routes.negotiation import preferred

ARROW = "application/vnd.apache.arrow.stream"
JSON = "application/json"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (ARROW, ARROW),
        (ARROW.upper(), ARROW),
        (f"{ARROW}, */*", JSON),
        (f"{ARROW}, */*;q=0.5", ARROW),
        (f"{JSON};q=0.2, {ARROW};q=0.9", ARROW),
        (f"{JSON};q=0, */*", ARROW),
        (f"{ARROW};version=1", ARROW),
        ("text/html", None),
        ("text/html,*/*;q=0.1", JSON),
        (f"{JSON};q=0", None),
        (f"{JSON};q=wrong", None),
        (";;,,q=", None),
    ],
)
def test_the_form_with_the_highest_rank_is_chosen(accept: str | None, form: str | None) -> None:
    assert preferred(accept, (JSON, ARROW)) == form


@given(st.text(max_size=200))
def test_any_header_gives_a_form_or_none(accept: str) -> None:
    assert preferred(accept, (JSON, ARROW)) in (JSON, ARROW, None)
