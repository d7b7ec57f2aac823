from __future__ import annotations

from pathlib import Path

import pytest

from trainer.errors import DataError
from trainer.evaluation.labeled_folder import read_labeled

PATTERN = "(.+)_"


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def test_classes_are_folders_and_instances_are_stems_up_to_the_last_underscore(tmp_path: Path) -> None:
    fill(
        tmp_path,
        "chair/red_one_0.jpg",
        "chair/red_one_1.jpg",
        "chair/blue_0.PNG",
        "bed/red_one_0.jpeg",
        "bed/big_0.jpg",
    )

    images = read_labeled(tmp_path, PATTERN)

    assert images.classes == ["bed", "chair"]
    assert [path.name for path in images.paths] == [
        "big_0.jpg", "red_one_0.jpeg", "blue_0.PNG", "red_one_0.jpg", "red_one_1.jpg",
    ]  # fmt: skip
    assert images.labels_N.tolist() == [0, 0, 1, 1, 1]
    assert images.instances_N.tolist() == [0, 1, 2, 3, 3]
    assert images.num_instances == 4


def test_the_pattern_determines_the_instances(tmp_path: Path) -> None:
    fill(tmp_path, "a/007-left.jpg", "a/007-right.jpg", "a/008-left.jpg", "b/1-x.jpg", "b/2-x.jpg")

    assert read_labeled(tmp_path, r"^(\d+)-").num_instances == 4


def test_other_files_are_ignored(tmp_path: Path) -> None:
    fill(tmp_path, "a/x_0.jpg", "a/y_0.jpg", "b/x_0.jpg", "b/y_0.jpg", "a/notes.txt", "a/.hidden.jpg", "LICENSE.jpg")

    assert len(read_labeled(tmp_path, PATTERN).paths) == 4


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        ((), "0 classes"),
        (("x_0.jpg", "y_0.jpg"), "0 classes"),
        (("a/x_0.jpg", "a/y_0.jpg"), "1 classes"),
        (("a/x_0.jpg", "a/y_0.jpg", "b/x_0.jpg", "b/x_1.jpg"), "only one instance: b"),
    ],
    ids=["empty", "no class folders", "one class", "one instance"],
)
def test_a_folder_that_is_no_benchmark_is_an_error(tmp_path: Path, names: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        read_labeled(fill(tmp_path, *names), PATTERN)


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        read_labeled(tmp_path / "nowhere", PATTERN)


@pytest.mark.parametrize("pattern", ["(", "no group"])
def test_a_pattern_without_a_group_is_an_error(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(DataError, match="pattern"):
        read_labeled(tmp_path, pattern)
