"""The choice of starts for a contact sheet where there are too many."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest.contact_sheets.panels import file_name
from ingest.contact_sheets.selection import spread

GROUPS = st.dictionaries(st.text("abc", min_size=1), st.integers(1, 6), min_size=1, max_size=8).map(
    lambda sizes: {name: [f"{name}-{number}" for number in range(size)] for name, size in sizes.items()}
)


@given(GROUPS, st.integers(1, 40), st.integers(0, 9))
def test_the_requested_number_is_drawn_evenly_from_the_groups(
    groups: dict[str, list[str]], count: int, seed: int
) -> None:
    chosen = spread(groups, count, seed)
    assert len(chosen) == len(set(chosen)) == min(count, sum(map(len, groups.values())))
    taken = {name: sum(id in ids for id in chosen) for name, ids in groups.items()}
    most = max(taken.values())
    assert all(taken[name] >= min(most - 1, len(ids)) for name, ids in groups.items())


@given(GROUPS, st.integers(1, 40))
def test_the_order_of_groups_does_not_change_the_choice(groups: dict[str, list[str]], count: int) -> None:
    reordered = {name: ids[::-1] for name, ids in reversed(groups.items())}
    assert spread(groups, count, 7) == spread(reordered, count, 7)


def test_another_seed_gives_another_choice() -> None:
    groups = {"a": [f"a-{number}" for number in range(50)]}
    assert spread(groups, 5, 0) != spread(groups, 5, 1)


def test_a_file_name_is_one_printable_line() -> None:
    assert file_name("file:///videos/two%20words.mp4") == "two words.mp4"
    assert file_name("file:///videos/line%0Abreak.mp4") == "line?break.mp4"
