from __future__ import annotations

import pytest

from foundation.errors import SettingsError
from ingest.clustering.defaults import describe, scaled, scaled_neighbors
from ingest.settings import ClusterSettings


def test_small_data_gets_small_numbers() -> None:
    chosen = scaled(ClusterSettings(), videos=300, starts=500)
    assert (chosen.parents, chosen.min_parent_size) == (8, 15)


def test_large_data_get_the_papers_numbers() -> None:
    chosen = scaled(ClusterSettings(), videos=250_000, starts=10_000_000)
    assert (chosen.parents, chosen.min_parent_size, scaled_neighbors(1000)) == (5000, 100, 10)


def test_what_is_set_is_kept() -> None:
    chosen = scaled(ClusterSettings(parents=3, min_parent_size=2, neighbors=7), videos=300, starts=500)
    assert (chosen.parents, chosen.min_parent_size, chosen.neighbors) == (3, 2, 7)


def test_neighbors_suffice_for_a_child() -> None:
    assert scaled_neighbors(5) == 4
    assert scaled_neighbors(5, group=6) == 5


def test_the_table_sets_each_choice_beside_the_papers() -> None:
    table = {line.setting: (line.value, line.paper) for line in describe(scaled(ClusterSettings(), videos=9, starts=9))}
    assert table["parents"] == ("8", "5000")
    assert table["min-parent-size"] == ("12", "100")
    assert table["neighbors"][1] == "10"


@pytest.mark.parametrize(
    ("name", "value"), [("parents", 0), ("neighbors", 2), ("clique_size", 1), ("seed", -1), ("same_video", "never")]
)
def test_a_setting_that_cannot_be_used_is_refused(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=f"The setting {name.replace('_', '-')} is "):
        ClusterSettings(**{name: value})  # type: ignore[arg-type]


def test_a_digest_names_every_setting() -> None:
    assert ClusterSettings().digest == ClusterSettings().digest
    assert (
        len(
            {
                ClusterSettings().digest,
                ClusterSettings(seed=1).digest,
                ClusterSettings(max_points_per_centroid=65).digest,
            }
        )
        == 3
    )
