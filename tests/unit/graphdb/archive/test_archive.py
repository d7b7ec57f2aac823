"""The archive: committed images can be read, and uncommitted ones are cut off."""

from __future__ import annotations

import fcntl
import resource
import signal
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest

from foundation.errors import CannotWrite
from graphdb.archive.reader import ArchiveReader
from graphdb.archive.shards import shard_path, uncommitted
from graphdb.archive.writer import ArchiveWriter, is_locked
from graphdb.errors import ArchiveLocked, DamagedArchive
from graphdb.model import Location, Patches
from graphdb.store.records import texts


def jpeg(text: str) -> bytes:
    return b"\xff\xd8" + text.encode()


def fill(folder: Path, ends: dict[str, int], names: list[str], **options: int) -> tuple[list[Location], dict[str, int]]:
    """Append one image per name. Returns their locations, and the ends that a graph would commit."""
    with ArchiveWriter(folder, ends.copy, **options) as writer:
        locations = []
        for name in names:
            locations += writer.append([(name, jpeg(name))])
            ends = ends | {writer.shard: writer.end}
    return locations, ends


def test_written_images_can_be_read(tmp_path: Path) -> None:
    locations, _ = fill(tmp_path, {}, ["a", "b" * 90, "c"])
    reader = ArchiveReader(tmp_path)
    assert [reader.read(location) for location in locations] == [jpeg("a"), jpeg("b" * 90), jpeg("c")]


def test_many_images_are_read_without_copies(tmp_path: Path) -> None:
    names = ["a", "b" * 90, "c"]
    locations, _ = fill(tmp_path, {}, names, shard_bytes=2048)
    shard, offset, size = zip(*locations, strict=True)
    ids = texts(names)
    patches = Patches(ids, ids, texts(shard), np.array(offset), np.array(size))
    reader = ArchiveReader(tmp_path)
    views = reader.views(patches)
    reader.close()
    assert [bytes(view) for view in views] == [jpeg(name) for name in names]
    with pytest.raises(DamagedArchive, match="Restore"):
        reader.views(patches._replace(offset=patches.offset + 1))


def test_a_shard_is_a_tar_file(tmp_path: Path) -> None:
    fill(tmp_path, {}, ["a", "b"])
    with tarfile.open(shard_path(tmp_path, "000000")) as tar:
        assert tar.getnames() == ["a.jpg", "b.jpg"]
        member = tar.extractfile("b.jpg")
        assert member is not None and member.read() == jpeg("b")


def test_a_full_shard_is_sealed_and_the_next_one_is_opened(tmp_path: Path) -> None:
    locations, ends = fill(tmp_path, {}, ["a", "b", "c"], shard_bytes=2048)
    assert [location.shard for location in locations] == ["000000", "000000", "000001"]
    assert set(ends) == {"000000", "000001"}
    assert shard_path(tmp_path, "000000").read_bytes().endswith(bytes(1024))


def test_uncommitted_bytes_are_cut_off(tmp_path: Path) -> None:
    _, committed = fill(tmp_path, {}, ["a"])
    fill(tmp_path, committed, ["lost", "too"], shard_bytes=1024)
    assert shard_path(tmp_path, "000001").exists()
    locations, _ = fill(tmp_path, committed, ["b"])
    assert not shard_path(tmp_path, "000001").exists()
    with tarfile.open(shard_path(tmp_path, "000000")) as tar:
        assert tar.getnames() == ["a.jpg", "b.jpg"]
    assert ArchiveReader(tmp_path).read(locations[0]) == jpeg("b")


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    with ArchiveWriter(tmp_path, dict), pytest.raises(ArchiveLocked, match="Another command is writing"):
        ArchiveWriter(tmp_path, dict)
    ArchiveWriter(tmp_path, dict).close()


def test_is_locked_makes_no_file(tmp_path: Path) -> None:
    assert not is_locked(tmp_path) and list(tmp_path.iterdir()) == []
    with ArchiveWriter(tmp_path, dict):
        assert is_locked(tmp_path)
    assert not is_locked(tmp_path)


def test_a_writer_waits_for_a_process_in_is_locked(tmp_path: Path) -> None:
    with (tmp_path / "writer.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        end = threading.Timer(0.3, fcntl.flock, (lock, fcntl.LOCK_UN))
        end.start()
        ArchiveWriter(tmp_path, dict).close()
        end.join()


def test_other_tar_files_in_the_folder_are_not_changed(tmp_path: Path) -> None:
    others = [tmp_path / name for name in ("backup.tar", "1.tar", "2026-01.tar")]
    for path in others:
        path.write_bytes(b"precious")
    fill(tmp_path, {}, ["a"])
    assert [path.read_bytes() for path in others] == [b"precious"] * 3


def test_the_trailer_of_a_full_shard_is_not_uncommitted(tmp_path: Path) -> None:
    _, ends = fill(tmp_path, {}, ["a", "b", "c"], shard_bytes=2048)
    assert uncommitted(tmp_path, ends) == {}
    (tmp_path / "000002.tar").write_bytes(b"new")
    with shard_path(tmp_path, "000000").open("ab") as shard:
        shard.write(b"more")
    assert uncommitted(tmp_path, ends) == {
        shard_path(tmp_path, "000000"): ends["000000"] + 1024,
        shard_path(tmp_path, "000002"): 0,
    }


def test_a_failed_append_frees_its_space_and_the_next_one_works(tmp_path: Path) -> None:
    with ArchiveWriter(tmp_path, dict) as writer:
        writer.append([("a", jpeg("a"))])
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (writer.end + 700, hard))
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            with pytest.raises(CannotWrite, match=r"000000\.tar cannot be written: File too large"):
                writer.append([("b", bytes(5000))])
        finally:
            signal.signal(signal.SIGXFSZ, handler)
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert shard_path(tmp_path, "000000").stat().st_size == writer.end
        [location] = writer.append([("b", jpeg("b"))])
    assert ArchiveReader(tmp_path).read(location) == jpeg("b")


def test_a_shard_that_is_too_short_is_refused_and_not_changed(tmp_path: Path) -> None:
    _, ends = fill(tmp_path, {}, ["a"])
    path = shard_path(tmp_path, "000000")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DamagedArchive, match="Restore"):
        ArchiveWriter(tmp_path, ends.copy)
    assert path.stat().st_size == 100
    path.write_bytes(bytes(ends["000000"]))
    ArchiveWriter(tmp_path, ends.copy).close()


def test_a_reader_sees_images_that_are_appended_later(tmp_path: Path) -> None:
    reader = ArchiveReader(tmp_path)
    with ArchiveWriter(tmp_path, dict) as writer:
        for name in ("a", "b", "c"):
            [location] = writer.append([(name, jpeg(name))])
            assert reader.read(location) == jpeg(name)


def test_threads_share_a_reader(tmp_path: Path) -> None:
    names = [f"{i}" for i in range(50)]
    locations, _ = fill(tmp_path, {}, names, shard_bytes=8192)
    reader = ArchiveReader(tmp_path)
    wrong: list[str] = []

    def check() -> None:
        for name, location in zip(names, locations, strict=True):
            if reader.read(location) != jpeg(name):
                wrong.append(name)

    threads = [threading.Thread(target=check) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("location", [Location("000000", 0, 5), Location("000000", 10**9, 5), Location("000009", 0, 5)])
def test_a_location_without_an_image_is_an_error(tmp_path: Path, location: Location) -> None:
    fill(tmp_path, {}, ["a"])
    with pytest.raises(DamagedArchive, match="Restore"):
        ArchiveReader(tmp_path).read(location)
