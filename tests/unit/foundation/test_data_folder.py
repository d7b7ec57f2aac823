"""The data folder: where it is, and what happens if it cannot be made."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation.data_folder import DataFolder, data_root
from foundation.errors import SettingsError


def test_the_option_comes_before_the_environment_and_the_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "platform"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert tmp_path in data_root(None).parents
    monkeypatch.setenv("AFFINITY_DATA", str(tmp_path / "environment"))
    assert data_root(None) == tmp_path / "environment"
    assert data_root(tmp_path / "option") == tmp_path / "option"


def test_resolve_makes_the_folder(tmp_path: Path) -> None:
    assert DataFolder.resolve(tmp_path / "a" / "b").root.is_dir()


def test_a_folder_that_cannot_be_made_is_an_error_that_names_the_settings(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"cannot be made .* --data or AFFINITY_DATA"):
        DataFolder.resolve(tmp_path / "file" / "data")
