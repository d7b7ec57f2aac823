from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path

import pytest

from foundation.errors import CannotWrite, DiskNearlyFull
from foundation.files import atomic_write, require_free_space, wrap_os_errors


def test_a_file_is_written_whole_into_a_folder_made_for_it(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "new" / "file") as file:
        file.write(b"content")
        assert not (tmp_path / "new" / "file").exists()
    assert (tmp_path / "new" / "file").read_bytes() == b"content"
    assert len(list((tmp_path / "new").iterdir())) == 1


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), ValueError("no")])
def test_a_failure_leaves_what_was_there(error: Exception, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises((CannotWrite, ValueError)), atomic_write(tmp_path / "file") as file:
        file.write(b"new")
        raise error
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_a_real_full_device_is_a_sentence() -> None:
    full = Path("/dev/full")
    with (
        pytest.raises(CannotWrite, match="The disk is full: no space is left for /dev/full") as caught,
        wrap_os_errors(full),
        full.open("wb", buffering=0) as file,
    ):
        file.write(b"x")
    assert "Make room on that disk, and run the same command again" in str(caught.value)


def test_what_is_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match="below cannot be written: ") as caught, atomic_write(tmp_path / "file/below"):
        pass
    assert f"See that this user can write to {tmp_path / 'file'}" in str(caught.value)


def test_the_error_survives_the_way_back_from_a_process() -> None:
    error = CannotWrite(Path("a"), OSError(errno.EROFS, os.strerror(errno.EROFS)))
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.path, again.error.errno) == (str(error), error.path, errno.EROFS)


def test_too_little_room_is_a_sentence_that_names_the_least(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foundation.files.MIN_FREE_BYTES", 1)
    require_free_space(tmp_path / "to" / "be made")
    monkeypatch.setattr("foundation.files.MIN_FREE_BYTES", 10**18)
    with pytest.raises(DiskNearlyFull, match="while less than 1000000000000 MB are free") as caught:
        require_free_space(tmp_path)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
