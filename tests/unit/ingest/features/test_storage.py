"""Feature files: written and read whole or by rows; damaged files are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import ingest.features.storage
from graphdb.model import InterEdges
from ingest.clustering.cluster_model import fit_cluster_model, save_model
from ingest.clustering.kmeans import assign
from ingest.clustering.tasks import LinkTask, Member, link_parent
from ingest.engine.local import LocalEngine
from ingest.errors import DamagedFile
from ingest.features.factory import load_extractor
from ingest.features.storage import features_path, read_features, read_rows, write_features
from ingest.settings import ClusterSettings, ExtractorSpec
from tests.unit.ingest.features.photographs import photographs

EXTRACTOR = "0123456789abcdef"

VIDEOS = [f"{number:016x}" for number in range(6)]

WANTED = [(VIDEOS[video], row) for video, row in [(5, 4), (5, 1), (0, 0), (3, 3), (5, 0)]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for number, video in enumerate(VIDEOS):
        write_features(tmp_path, EXTRACTOR, video, random.standard_normal((number + 1, 20)).astype(np.float32))
    return tmp_path


def test_features_are_read_as_written_in_half_precision(tmp_path: Path) -> None:
    rows = load_extractor(ExtractorSpec())(photographs())
    write_features(tmp_path, EXTRACTOR, VIDEOS[0], rows)
    back = read_features(tmp_path, EXTRACTOR, VIDEOS[0])
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, rows.astype(np.float16))


def test_writing_again_replaces_the_file_and_leaves_no_other(tmp_path: Path) -> None:
    write_features(tmp_path, EXTRACTOR, VIDEOS[0], np.zeros((3, 4), np.float32))
    write_features(tmp_path, EXTRACTOR, VIDEOS[0], np.ones((2, 4), np.float32))
    np.testing.assert_array_equal(read_features(tmp_path, EXTRACTOR, VIDEOS[0]), np.ones((2, 4)))
    assert [path.name for path in (tmp_path / EXTRACTOR).iterdir()] == [f"{VIDEOS[0]}.npy"]


@pytest.mark.parametrize("kept", [0, 5, 100, 300])
def test_a_truncated_file_is_named_with_the_remedy(tmp_path: Path, kept: int) -> None:
    write_features(tmp_path, EXTRACTOR, VIDEOS[0], np.ones((50, 40), np.float32))
    path = features_path(tmp_path, EXTRACTOR, VIDEOS[0])
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DamagedFile, match="Delete it") as caught:
        read_features(tmp_path, EXTRACTOR, VIDEOS[0])
    assert caught.value.path == path


def test_a_missing_file_or_one_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedFile):
        read_features(tmp_path, EXTRACTOR, VIDEOS[0])
    path = features_path(tmp_path, EXTRACTOR, VIDEOS[0])
    path.parent.mkdir()
    np.save(path, np.ones(7))
    with pytest.raises(DamagedFile, match="1-d float64"):
        read_features(tmp_path, EXTRACTOR, VIDEOS[0])


@pytest.mark.parametrize("in_memory", [ingest.features.storage.MEMORY_LIMIT, 0])
def test_rows_equal_those_of_whole_files_in_the_order_wanted(
    folder: Path, in_memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest.features.storage, "MEMORY_LIMIT", in_memory)
    rows = read_rows(folder, EXTRACTOR, WANTED)
    assert rows.dtype == np.float16
    np.testing.assert_array_equal(rows.astype(np.float32), whole_files(folder, WANTED))
    assert [path.name for path in folder.iterdir()] == [EXTRACTOR]


def test_no_wanted_rows_give_an_empty_array(folder: Path) -> None:
    assert len(read_rows(folder, EXTRACTOR, [])) == 0


@pytest.mark.parametrize("how", ["missing", "cut", "empty", "no features", "single precision", "narrower"])
def test_a_damaged_file_is_named(folder: Path, how: str) -> None:
    path = features_path(folder, EXTRACTOR, VIDEOS[5])
    damage(path, how)
    with pytest.raises(DamagedFile) as caught:
        read_rows(folder, EXTRACTOR, [(VIDEOS[4], 0), (VIDEOS[5], 5)])
    assert caught.value.path == path


def test_a_file_with_too_few_rows_is_damaged(folder: Path) -> None:
    with pytest.raises(DamagedFile, match="no row 7"):
        read_rows(folder, EXTRACTOR, [(VIDEOS[5], 7)])


def test_links_from_single_rows_are_bit_equal_with_one_process_and_with_two(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    kinds = random.standard_normal((9, 32))
    for video in range(60):
        rows = kinds[random.integers(0, 9, 12)] + random.standard_normal((12, 32))
        write_features(tmp_path, EXTRACTOR, f"{video:016x}", rows.astype(np.float32))
    places = [(f"{video:016x}-{row:08d}-0-0-96", row) for video in range(60) for row in range(12)]
    sample = read_rows(tmp_path, EXTRACTOR, [(id.partition("-")[0], row) for id, row in places])
    settings = ClusterSettings(parents=4, members=12, neighbors=8)
    model = fit_cluster_model([id for id, _ in places], sample, EXTRACTOR, settings)
    save_model(tmp_path, model)
    numbers = assign(sample, model.centroids)
    members = [
        [
            Member(id, id.partition("-")[0], row)
            for (id, row), number in zip(places, numbers, strict=True)
            if number == parent
        ]
        for parent in range(4)
    ]
    tasks = [
        LinkTask(str(parent), "i", of, tmp_path, tmp_path, tmp_path, model.id, canonical={})
        for parent, of in enumerate(members)
    ]
    once = linked(tasks, 1)
    assert sum(len(inter.edges) for inter in once) > 100
    assert repr(linked(tasks[::-1], 2)) == repr(once)


def whole_files(folder: Path, wanted: list[tuple[str, int]]) -> NDArray[np.float32]:
    return np.stack([read_features(folder, EXTRACTOR, video)[row] for video, row in wanted])


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


def linked(tasks: list[LinkTask], workers: int) -> list[InterEdges]:
    with LocalEngine(workers) as engine:
        results = [result for _, result in engine.map(link_parent, tasks)]
    assert all(isinstance(result, InterEdges) for result in results), results
    return sorted((result for result in results if isinstance(result, InterEdges)), key=lambda inter: inter.parent)
