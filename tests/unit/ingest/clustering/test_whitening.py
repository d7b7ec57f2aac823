from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.clustering.cluster_model import load_fit, make_fit, save_fit
from ingest.clustering.whitening import PCAWhitening, fit_projection
from ingest.errors import NothingToCluster
from ingest.features.base import normalize
from ingest.settings import ClusterSettings

IDS = [f"{i:016x}-00000000-0-0-96" for i in range(600)]


def rows(count: int = 600, dims: int = 40) -> NDArray[np.float16]:
    """Unit rows that vary along every axis, along the first ones most, and share a strong part."""
    noise = np.random.default_rng(0).standard_normal((count, dims)) * np.linspace(5, 0.5, dims)
    return normalize((noise + 10).astype(np.float32)).astype(np.float16)


@pytest.mark.parametrize("count", [30, 600], ids=["by rows", "by columns"])
def test_whitened_features_vary_alike_along_every_axis_and_are_not_correlated(count: int) -> None:
    sample = rows(count)
    whitened = fit_projection(sample, 8)(sample)
    assert whitened.shape == (count, 8)
    np.testing.assert_allclose(whitened.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(whitened.T @ whitened / count, np.eye(8), atol=0.02)


def test_both_ways_find_the_same_axes() -> None:
    sample = rows(39, 40)
    by_rows = fit_projection(sample, 5)(sample)
    by_columns = fit_projection(np.vstack([sample, sample]), 5)(sample)
    np.testing.assert_allclose(by_rows, by_columns, atol=0.02)


def test_a_sample_that_does_not_vary_enough_gives_fewer_axes() -> None:
    assert fit_projection(rows(10), 128).matrix.shape == (40, 9)


def test_rows_that_cannot_be_compared_stay_so() -> None:
    broken = rows(5).astype(np.float32)
    broken[1], broken[3, 0] = 0, np.nan
    whitened = fit_projection(rows(), 8)(broken)
    assert np.flatnonzero(np.abs(whitened).sum(axis=1) == 0).tolist() == [1, 3]


def test_broken_rows_of_the_sample_are_left_out_and_nothing_else_is_refused() -> None:
    sample = rows()
    broken = np.vstack([sample, np.zeros((3, 40), np.float16), np.full((1, 40), np.nan, np.float16)])
    assert fit_projection(broken, 8).digest == fit_projection(sample, 8).digest
    with pytest.raises(NothingToCluster):
        fit_projection(np.zeros((4, 40), np.float16), 8)


def test_a_row_comes_out_the_same_whatever_comes_with_it() -> None:
    sample = rows()
    projection = fit_projection(sample, 32)
    together = projection(sample)
    np.testing.assert_array_equal(np.concatenate([projection(sample[i : i + 1]) for i in range(len(sample))]), together)
    np.testing.assert_array_equal(np.concatenate([projection(sample[i : i + 7]) for i in range(0, 600, 7)]), together)


def test_the_fit_is_bit_equal_on_one_thread_and_on_two() -> None:
    script = (
        "from tests.unit.test_whitening import IDS, rows\n"
        "from ingest.fits import make_fit\n"
        "from ingest.settings import ClusterSettings\n"
        "print(make_fit(IDS, rows(600, 700), 'f' * 16, ClusterSettings(parents=8, whiten=64)).id)\n"
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


def test_the_projection_is_part_of_the_fit_its_file_and_its_id(tmp_path: Path) -> None:
    settings = ClusterSettings(parents=4, whiten=8)
    made = make_fit(IDS, rows(), "f" * 16, settings)
    plain = make_fit(IDS, rows(), "f" * 16, replace(settings, whiten=0))
    assert (made.centroids.shape, plain.centroids.shape) == ((4, 8), (4, 40))
    assert made.projection is not None
    other = replace(made, projection=PCAWhitening(made.projection.mean + 1, made.projection.matrix))
    assert len({made.id, plain.id, other.id, replace(made, projection=None).id}) == 4
    for fit in (made, plain):
        save_fit(tmp_path, fit)
        back = load_fit(tmp_path, fit.id)
        np.testing.assert_array_equal(back.compared(rows()), fit.compared(rows()))
