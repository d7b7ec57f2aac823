from __future__ import annotations

import pytest

from ingest.clustering.defaults import beside_paper, default_neighbors, resolve
from ingest.errors import SettingsError
from ingest.settings import ClusterSettings


def test_small_data_gets_few_parents_of_few_members() -> None:
    chosen = resolve(ClusterSettings(), videos=300, starts=500)
    assert (chosen.parents, chosen.members) == (8, 15)


def test_large_data_gets_the_papers_numbers() -> None:
    chosen = resolve(ClusterSettings(), videos=250_000, starts=10_000_000)
    assert (chosen.parents, chosen.members, default_neighbors(1000)) == (5000, 100, 10)


def test_given_settings_are_kept() -> None:
    chosen = resolve(ClusterSettings(parents=3, members=2, neighbors=7), videos=300, starts=500)
    assert (chosen.parents, chosen.members, chosen.neighbors) == (3, 2, 7)


def test_there_are_enough_neighbors_for_a_child_cluster() -> None:
    assert default_neighbors(5) == 4
    assert default_neighbors(5, group=6) == 5


def test_settings_are_described_beside_the_papers() -> None:
    described = beside_paper(resolve(ClusterSettings(), videos=9, starts=9))
    assert described["parents"] == "8 (paper: 5000)"
    assert described["members"] == "12 (paper: 100)"
    assert described["neighbors"].endswith("(paper: 10)")


@pytest.mark.parametrize(
    ("name", "value"), [("parents", 0), ("neighbors", 2), ("group", 1), ("seed", -1), ("same_video", "never")]
)
def test_an_invalid_setting_is_refused(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        ClusterSettings(**{name: value})  # type: ignore[arg-type]
    assert caught.value.setting == name


def test_the_digest_depends_on_every_setting() -> None:
    assert ClusterSettings().digest == ClusterSettings().digest
    assert len({ClusterSettings().digest, ClusterSettings(seed=1).digest, ClusterSettings(points=65).digest}) == 3
