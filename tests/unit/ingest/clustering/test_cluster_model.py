from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ingest.clustering.cluster_model import (
    ClusterModel,
    current_fit,
    fit_path,
    load_fit,
    make_fit,
    sample,
    save_fit,
    set_current_fit,
)
from ingest.errors import DamagedFit
from ingest.features.base import normalize
from ingest.settings import ClusterSettings

EXTRACTOR = "0123456789abcdef"


def fit(seed: int = 0) -> ClusterModel:
    features = normalize(np.random.default_rng(0).standard_normal((90, 16)).astype(np.float32))
    ids = [f"{i:016x}-00000000-0-0-96" for i in range(90)]
    return make_fit(ids, features, EXTRACTOR, ClusterSettings(parents=4, min_parent_size=12, seed=seed))


def test_the_same_input_gives_the_same_id() -> None:
    assert fit().id == fit().id
    assert len(fit().id) == 16


def test_an_id_names_settings_extractor_inputs_and_centroids() -> None:
    made = fit()
    others = [
        fit(seed=1),
        replace(made, extractor="f" * 16),
        replace(made, inputs="f" * 16),
        replace(made, centroids=-made.centroids),
        replace(made, settings=replace(made.settings, min_parent_size=13)),
    ]
    assert len({made.id, *(other.id for other in others)}) == 6


def test_a_fit_comes_back_as_saved(tmp_path: Path) -> None:
    made = fit()
    save_fit(tmp_path / "fits", made)
    back = load_fit(tmp_path / "fits", made.id)
    np.testing.assert_array_equal(back.centroids, made.centroids)
    assert (back.id, back.settings, back.extractor) == (made.id, made.settings, EXTRACTOR)
    assert back.backend.startswith("faiss ")
    assert [path.name for path in (tmp_path / "fits").iterdir()] == [f"{made.id}.npz"]


@pytest.mark.parametrize("kept", [0, 10, 400])
def test_a_cut_fit_is_named_with_the_remedy(tmp_path: Path, kept: int) -> None:
    path = save_fit(tmp_path, fit())
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DamagedFit, match="--refit") as caught:
        load_fit(tmp_path, path.stem)
    assert caught.value.path == path


def test_a_missing_fit_or_one_under_a_wrong_name_is_refused(tmp_path: Path) -> None:
    made = fit()
    with pytest.raises(DamagedFit):
        load_fit(tmp_path, made.id)
    save_fit(tmp_path, made).rename(fit_path(tmp_path, "f" * 16))
    with pytest.raises(DamagedFit, match=made.id):
        load_fit(tmp_path, "f" * 16)


@pytest.mark.parametrize("starts", [1, 3])
def test_starts_that_do_not_vary_are_compared_as_they_are(starts: int) -> None:
    features = np.tile(np.array([0.6, 0.8], np.float16), (starts, 1))
    fit = make_fit([str(start) for start in range(starts)], features, "extractor", ClusterSettings(parents=1, whiten=8))
    assert fit.projection is None
    np.testing.assert_allclose(fit.centroids, [[0.6, 0.8]], atol=1e-3)


def test_the_fit_in_force_is_the_one_set_last(tmp_path: Path) -> None:
    assert current_fit(tmp_path, "asked") is None
    for made in (fit(), fit(seed=1)):
        save_fit(tmp_path, made)
        set_current_fit(tmp_path, "asked", made)
    found = current_fit(tmp_path, "asked")
    assert found is not None
    assert found.id == made.id
    assert current_fit(tmp_path, "asked otherwise") is None


def test_a_fit_is_made_from_a_seeded_sample_that_settings_bound() -> None:
    settings = ClusterSettings(parents=4, max_points_per_centroid=5)
    assert sample(9, settings).tolist() == list(range(9))
    chosen = sample(1000, settings)
    assert len(set(chosen.tolist())) == 20
    assert chosen.tolist() == sorted(chosen.tolist()) == sample(1000, settings).tolist()
    assert chosen.tolist() != sample(1000, replace(settings, seed=1)).tolist()
