from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.clustering.cluster_model import fit_cluster_model, load_model, save_model
from ingest.clustering.whitening import PCAWhitening, fit_whitening
from ingest.errors import IngestError
from ingest.features.base import normalize
from ingest.settings import ClusterSettings

IDS = [f"{i:016x}-00000000-0-0-96" for i in range(600)]


def rows(count: int = 600, dims: int = 40) -> NDArray[np.float16]:
    """Make unit rows that vary along every axis, most along the first ones, and share a strong part."""
    noise = np.random.default_rng(0).standard_normal((count, dims)) * np.linspace(5, 0.5, dims)
    return normalize((noise + 10).astype(np.float32)).astype(np.float16)


@pytest.mark.parametrize("count", [30, 600], ids=["Gram matrix", "covariance"])
def test_whitened_features_have_unit_variance_and_are_not_correlated(count: int) -> None:
    sample = rows(count)
    whitened = fit_whitening(sample, 8)(sample)
    assert whitened.shape == (count, 8)
    np.testing.assert_allclose(whitened.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(whitened.T @ whitened / count, np.eye(8), atol=0.02)


def test_gram_matrix_and_covariance_give_the_same_axes() -> None:
    sample = rows(39, 40)
    by_gram_matrix = fit_whitening(sample, 5)(sample)
    by_covariance = fit_whitening(np.vstack([sample, sample]), 5)(sample)
    np.testing.assert_allclose(by_gram_matrix, by_covariance, atol=0.02)


def test_a_small_sample_gives_fewer_axes() -> None:
    assert fit_whitening(rows(10), 128).matrix.shape == (40, 9)


def test_unusable_rows_become_zeros() -> None:
    broken = rows(5).astype(np.float32)
    broken[1], broken[3, 0] = 0, np.nan
    whitened = fit_whitening(rows(), 8)(broken)
    assert np.flatnonzero(np.abs(whitened).sum(axis=1) == 0).tolist() == [1, 3]


def test_unusable_rows_of_the_sample_are_left_out_and_a_sample_of_them_alone_is_an_error() -> None:
    sample = rows()
    broken = np.vstack([sample, np.zeros((3, 40), np.float16), np.full((1, 40), np.nan, np.float16)])
    assert fit_whitening(broken, 8).digest == fit_whitening(sample, 8).digest
    with pytest.raises(IngestError, match="None of 4 starts"):
        fit_whitening(np.zeros((4, 40), np.float16), 8)


def test_the_result_of_a_row_does_not_depend_on_other_rows() -> None:
    sample = rows()
    whitening = fit_whitening(sample, 32)
    portions = whitening(sample)
    np.testing.assert_array_equal(np.concatenate([whitening(sample[i : i + 1]) for i in range(len(sample))]), portions)
    np.testing.assert_array_equal(np.concatenate([whitening(sample[i : i + 7]) for i in range(0, 600, 7)]), portions)


def test_one_thread_and_two_give_the_same_bits() -> None:
    script = (
        "from tests.unit.ingest.clustering.test_whitening import IDS, rows\n"
        "from ingest.clustering.cluster_model import fit_cluster_model\n"
        "from ingest.settings import ClusterSettings\n"
        "print(fit_cluster_model(IDS, rows(600, 700), 'f' * 16, ClusterSettings(parents=8, whiten=64)).id)\n"
    )
    ids = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in "12"
    }
    assert len(ids) == 1


def test_the_whitening_is_part_of_the_cluster_model_its_file_and_its_id(tmp_path: Path) -> None:
    settings = ClusterSettings(parents=4, whiten=8)
    made = fit_cluster_model(IDS, rows(), "f" * 16, settings)
    plain = fit_cluster_model(IDS, rows(), "f" * 16, replace(settings, whiten=0))
    assert (made.centroids.shape, plain.centroids.shape) == ((4, 8), (4, 40))
    assert made.whitening is not None
    other = replace(made, whitening=PCAWhitening(made.whitening.mean + 1, made.whitening.matrix))
    assert len({made.id, plain.id, other.id, replace(made, whitening=None).id}) == 4
    for model in (made, plain):
        save_model(tmp_path, model)
        back = load_model(tmp_path, model.id)
        np.testing.assert_array_equal(back.transform(rows()), model.transform(rows()))
