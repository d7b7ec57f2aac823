"""Atomic writes, locks, and the check for free space."""

from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path

import pytest

from foundation.errors import CannotWrite, DiskNearlyFull, LockTimeout
from foundation.files import (
    atomic_write,
    exclusive_lock,
    require_free_space,
    unfinished_files,
    wrap_os_errors,
    write_private,
)


def test_atomic_write_makes_the_folder_and_shows_only_the_whole_file(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "new" / "file") as file:
        file.write(b"content")
        assert not (tmp_path / "new" / "file").exists()
        assert len(unfinished_files(tmp_path / "new")) == 1
    assert (tmp_path / "new" / "file").read_bytes() == b"content"
    assert len(list((tmp_path / "new").iterdir())) == 1


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), ValueError("no")])
def test_a_failed_write_leaves_the_old_file(error: Exception, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises((CannotWrite, ValueError)), atomic_write(tmp_path / "file") as file:
        file.write(b"new")
        raise error
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_a_private_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    write_private(tmp_path / "password", "secret\n")
    assert (tmp_path / "password").read_text() == "secret\n"
    assert (tmp_path / "password").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["password"]


def test_a_full_disk_is_an_error_that_says_so() -> None:
    full = Path("/dev/full")
    with (
        pytest.raises(CannotWrite, match="The disk is full: no space is left for /dev/full") as caught,
        wrap_os_errors(full),
        full.open("wb", buffering=0) as file,
    ):
        file.write(b"x")
    assert "Free some space on that disk, and run the same command again" in str(caught.value)


def test_a_path_below_a_file_is_an_error_that_names_both(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match="below cannot be written: ") as caught, atomic_write(tmp_path / "file/below"):
        pass
    assert f"Make sure that this user can write to {tmp_path / 'file'}" in str(caught.value)


def test_cannot_write_keeps_its_attributes_when_it_is_pickled() -> None:
    error = CannotWrite(Path("a"), OSError(errno.EROFS, os.strerror(errno.EROFS)))
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.path, again.error.errno) == (str(error), error.path, errno.EROFS)


def test_too_little_free_space_is_an_error_that_names_the_minimum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foundation.files.MIN_FREE_BYTES", 1)
    require_free_space(tmp_path / "to" / "be made")
    monkeypatch.setattr("foundation.files.MIN_FREE_BYTES", 10**18)
    with pytest.raises(DiskNearlyFull, match="while less than 1000000000000 MB are free") as caught:
        require_free_space(tmp_path)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_waiting_for_a_lock_ends_with_an_error(tmp_path: Path) -> None:
    with (
        exclusive_lock(tmp_path / ".lock", 1, "writing"),
        pytest.raises(LockTimeout, match="still writing"),
        exclusive_lock(tmp_path / ".lock", 0.1, "writing"),
    ):
        pass
