"""A folder of images in a seeded order: each image once in every pass, labels by folder, an id that changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation.errors import SettingsError
from tests.unit.trainer.toy_service import draw_frame
from trainer.command import run_training
from trainer.data.image_folder import ImageFolder
from trainer.errors import RunError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for label, count in (("chair", 3), ("table", 4)):
        (tmp_path / label).mkdir()
        for number in range(count):
            (tmp_path / label / f"{number}.jpg").write_bytes(draw_frame(0, number))
    (tmp_path / "chair" / "notes.txt").write_text("no image")
    return tmp_path


def test_every_pass_has_each_image_once_in_another_order(root: Path) -> None:
    folder = ImageFolder.read(root)
    passes = [folder.indices_at(3, range(begin, begin + 7)) for begin in (0, 7, 7 * 10**6)]
    assert all(sorted(one) == list(range(7)) for one in passes)
    assert len({tuple(one) for one in passes}) == 3
    assert folder.indices_at(3, range(5, 9)) == [*passes[0][5:], *passes[1][:2]]


def test_labels_are_the_names_of_the_folders(root: Path) -> None:
    folder = ImageFolder.read(root)
    assert folder.classes == ["chair", "table"]
    assert folder.labels_N.tolist() == [0, 0, 0, 1, 1, 1, 1]


def test_the_id_changes_with_the_images(root: Path) -> None:
    before = ImageFolder.read(root).id
    (root / "chair" / "0.jpg").rename(root / "chair" / "9.jpg")
    assert ImageFolder.read(root).id != before


def test_a_folder_without_images_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no image"):
        ImageFolder.read(tmp_path)


@pytest.mark.usefixtures("settled_torch")
def test_a_run_is_not_resumed_with_other_images(root: Path, tmp_path: Path) -> None:
    def train(steps: int) -> int:
        given = {"objective": "supervised", "images": str(root), "trunk": "timm:test_resnet", "head": "8,8"}
        small = {"batch": 4, "image_size": 32, "steps": steps, "device": "cpu", "threads": 1}
        return run_training("run", {**given, **small}, api_key=None, data=tmp_path / "data", json_output=True)

    assert train(1) == 0
    assert train(2) == 0
    next(root.rglob("*.jpg")).unlink()
    with pytest.raises(RunError, match="Put them back"):
        train(3)
