from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ingest.clustering.cluster_model import (
    ClusterModel,
    current_model,
    fit_cluster_model,
    load_model,
    model_path,
    sample_starts,
    save_model,
    set_current_model,
)
from ingest.errors import DamagedClusterModel
from ingest.features.base import normalize
from ingest.settings import ClusterSettings

EXTRACTOR = "0123456789abcdef"


def model(seed: int = 0) -> ClusterModel:
    features = normalize(np.random.default_rng(0).standard_normal((90, 16)).astype(np.float32))
    ids = [f"{i:016x}-00000000-0-0-96" for i in range(90)]
    return fit_cluster_model(ids, features, EXTRACTOR, ClusterSettings(parents=4, members=12, seed=seed))


def test_the_same_input_gives_the_same_id() -> None:
    assert model().id == model().id
    assert len(model().id) == 16


def test_the_id_depends_on_settings_extractor_inputs_and_centroids() -> None:
    made = model()
    others = [
        model(seed=1),
        replace(made, extractor="f" * 16),
        replace(made, inputs="f" * 16),
        replace(made, centroids=-made.centroids),
        replace(made, settings=replace(made.settings, members=13)),
    ]
    assert len({made.id, *(other.id for other in others)}) == 6


def test_a_saved_model_is_loaded_unchanged(tmp_path: Path) -> None:
    made = model()
    save_model(tmp_path / "fits", made)
    back = load_model(tmp_path / "fits", made.id)
    np.testing.assert_array_equal(back.centroids, made.centroids)
    assert (back.id, back.settings, back.extractor) == (made.id, made.settings, EXTRACTOR)
    assert back.backend.startswith("faiss ")
    assert [path.name for path in (tmp_path / "fits").iterdir()] == [f"{made.id}.npz"]


@pytest.mark.parametrize("kept", [0, 10, 400])
def test_a_truncated_file_is_an_error_that_names_the_remedy(tmp_path: Path, kept: int) -> None:
    path = save_model(tmp_path, model())
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DamagedClusterModel, match="--refit") as caught:
        load_model(tmp_path, path.stem)
    assert caught.value.path == path


def test_a_missing_file_and_a_file_of_another_id_are_errors(tmp_path: Path) -> None:
    made = model()
    with pytest.raises(DamagedClusterModel):
        load_model(tmp_path, made.id)
    save_model(tmp_path, made).rename(model_path(tmp_path, "f" * 16))
    with pytest.raises(DamagedClusterModel, match=made.id):
        load_model(tmp_path, "f" * 16)


@pytest.mark.parametrize("starts", [1, 3])
def test_equal_starts_are_not_whitened(starts: int) -> None:
    features = np.tile(np.array([0.6, 0.8], np.float16), (starts, 1))
    ids = [str(start) for start in range(starts)]
    made = fit_cluster_model(ids, features, "extractor", ClusterSettings(parents=1, whiten=8))
    assert made.whitening is None
    np.testing.assert_allclose(made.centroids, [[0.6, 0.8]], atol=1e-3)


def test_the_current_model_is_the_one_set_last(tmp_path: Path) -> None:
    assert current_model(tmp_path, "key") is None
    for made in (model(), model(seed=1)):
        save_model(tmp_path, made)
        set_current_model(tmp_path, "key", made)
    found = current_model(tmp_path, "key")
    assert found is not None
    assert found.id == made.id
    assert current_model(tmp_path, "another key") is None


def test_the_sample_of_starts_is_seeded_and_bounded_by_the_settings() -> None:
    settings = ClusterSettings(parents=4, points=5)
    assert sample_starts(9, settings).tolist() == list(range(9))
    chosen = sample_starts(1000, settings)
    assert len(set(chosen.tolist())) == 20
    assert chosen.tolist() == sorted(chosen.tolist()) == sample_starts(1000, settings).tolist()
    assert chosen.tolist() != sample_starts(1000, replace(settings, seed=1)).tolist()
