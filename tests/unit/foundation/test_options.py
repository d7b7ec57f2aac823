"""Test how the options of a command are read."""

from __future__ import annotations

from foundation.options import command_app

app = command_app("app", "An example.")


@app.command
def example(*, steps: int = 1, features: tuple[str, ...] = (), quick: bool = False) -> tuple[object, ...]:
    return steps, features, quick


def test_the_last_value_of_an_option_holds_and_a_list_keeps_them_all() -> None:
    words = "example --steps 4 --features hog --quick --features pixels --steps 8 --no-quick"
    assert app(words.split()) == (8, ("hog", "pixels"), False)
