"""Single rows of feature files: those that whole files hold, whatever is asked for, and damage by its name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import ingest.features.storage
from graphdb.model import InterEdges
from ingest.clustering.cluster_model import make_fit, save_fit
from ingest.clustering.kmeans import assign
from ingest.clustering.tasks import LinkTask, Member, link
from ingest.engine.local import LocalEngine
from ingest.errors import DamagedFeatures
from ingest.features.storage import features_path, read_features, read_rows, write_features
from ingest.settings import ClusterSettings

EXTRACTOR = "0123456789abcdef"
VIDEOS = [f"{number:016x}" for number in range(6)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for number, video in enumerate(VIDEOS):
        write_features(tmp_path, EXTRACTOR, video, random.standard_normal((number + 1, 20)).astype(np.float32))
    return tmp_path


def whole_files(folder: Path, wanted: list[tuple[str, int]]) -> NDArray[np.float32]:
    return np.stack([read_features(folder, EXTRACTOR, video)[row] for video, row in wanted])


WANTED = [(VIDEOS[video], row) for video, row in [(5, 4), (5, 1), (0, 0), (3, 3), (5, 0)]]


@pytest.mark.parametrize("in_memory", [ingest.features.storage.IN_MEMORY, 0])
def test_rows_are_those_of_the_files_in_the_order_asked(
    folder: Path, in_memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest.features.storage, "IN_MEMORY", in_memory)
    rows = read_rows(folder, EXTRACTOR, WANTED)
    assert rows.dtype == np.float16
    np.testing.assert_array_equal(rows.astype(np.float32), whole_files(folder, WANTED))
    assert [path.name for path in folder.iterdir()] == [EXTRACTOR]


def test_nothing_asked_for_is_no_rows(folder: Path) -> None:
    assert len(read_rows(folder, EXTRACTOR, [])) == 0


def damage(path: Path, how: str) -> None:
    if how == "missing":
        path.unlink()
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "no features":
        path.write_bytes(b"x" * 400)
    else:
        with path.open("wb") as file:
            np.save(file, np.zeros((6, 20), np.float32) if how == "single precision" else np.zeros((6, 19), np.float16))


@pytest.mark.parametrize("how", ["missing", "cut", "empty", "no features", "single precision", "narrower"])
def test_damage_is_named_with_its_file(folder: Path, how: str) -> None:
    path = features_path(folder, EXTRACTOR, VIDEOS[5])
    damage(path, how)
    with pytest.raises(DamagedFeatures) as caught:
        read_rows(folder, EXTRACTOR, [(VIDEOS[4], 0), (VIDEOS[5], 5)])
    assert caught.value.path == path


def test_a_file_with_fewer_rows_than_asked_for_is_damaged(folder: Path) -> None:
    with pytest.raises(DamagedFeatures, match="no row 7"):
        read_rows(folder, EXTRACTOR, [(VIDEOS[5], 7)])


def linked(tasks: list[LinkTask], workers: int) -> list[InterEdges]:
    with LocalEngine(workers) as engine:
        results = [result for _, result in engine.map(link, tasks)]
    assert all(isinstance(result, InterEdges) for result in results), results
    return sorted((result for result in results if isinstance(result, InterEdges)), key=lambda inter: inter.parent)


def test_parents_read_row_by_row_are_linked_to_the_bit_alike_by_one_process_and_by_two(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    kinds = random.standard_normal((9, 32))
    for video in range(60):
        rows = kinds[random.integers(0, 9, 12)] + random.standard_normal((12, 32))
        write_features(tmp_path, EXTRACTOR, f"{video:016x}", rows.astype(np.float32))
    places = [(f"{video:016x}-{row:08d}-0-0-96", row) for video in range(60) for row in range(12)]
    sample = read_rows(tmp_path, EXTRACTOR, [(id.partition("-")[0], row) for id, row in places])
    fit = make_fit(
        [id for id, _ in places], sample, EXTRACTOR, ClusterSettings(parents=4, min_parent_size=12, neighbors=8)
    )
    save_fit(tmp_path, fit)
    numbers = assign(sample, fit.centroids)
    members = [
        [
            Member(id, id.partition("-")[0], row)
            for (id, row), number in zip(places, numbers, strict=True)
            if number == parent
        ]
        for parent in range(4)
    ]
    tasks = [
        LinkTask(str(parent), "i", of, tmp_path, tmp_path, tmp_path, fit.id, originals={})
        for parent, of in enumerate(members)
    ]
    once = linked(tasks, 1)
    assert sum(len(inter.edges) for inter in once) > 100
    assert repr(linked(tasks[::-1], 2)) == repr(once)
