from __future__ import annotations

import hashlib
import re
import threading
from pathlib import Path

import pytest
from rich.console import Console

from graphdb.errors import JarMismatch, JarsUnavailable
from graphdb.server.jars import LOCK, Jar, JarFolder, cache_folder, read_lock

CONTENT = {"alpha": b"a" * 1000, "beta": b"b" * 2000, "gamma": b"c" * 3000}
QUIET = Console(quiet=True)


def jar(name: str) -> Jar:
    content = CONTENT[name]
    return Jar(hashlib.sha256(content).hexdigest(), len(content), "org.example", name, "1.0")


JARS = [jar(name) for name in CONTENT]


class Shelf:
    """Serves CONTENT, counting what was asked for; `wrong` and `gone` name what it serves badly or not at all."""

    def __init__(self, wrong: str = "", gone: str = "") -> None:
        self.asked: list[str] = []
        self._wrong, self._gone = wrong, gone

    def __call__(self, jar: Jar, folder: Path) -> Path:
        self.asked.append(jar.artifact)
        if jar.artifact == self._gone:
            raise JarsUnavailable(jar.coordinate, "nobody answers")
        path = folder / jar.name
        path.write_bytes(b"?" * jar.size if jar.artifact == self._wrong else CONTENT[jar.artifact])
        return path


def test_the_lock_names_every_jar_with_size_and_sha256() -> None:
    jars = read_lock()
    assert len(jars) == len({jar.name for jar in jars}) > 200
    assert all(re.fullmatch("[0-9a-f]{64}", jar.sha256) and jar.size > 0 for jar in jars)
    assert {"neo4j", "neo4j-server", "neo4j-browser"} <= {jar.artifact for jar in jars}


def test_the_lock_names_no_address() -> None:
    assert "//" not in LOCK.read_text()


def test_the_lock_serves_linux_and_macos_on_both_processors() -> None:
    classifiers = {jar.classifier for jar in read_lock()}
    assert {"linux-x86_64", "linux-aarch_64", "osx-x86_64", "osx-aarch_64"} <= classifiers


def test_the_cache_is_where_the_setting_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AFFINITY_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path


def test_all_jars_are_fetched_and_listed_in_the_order_of_the_lock(tmp_path: Path) -> None:
    paths = JarFolder(tmp_path / "jars", JARS).complete(Shelf(), QUIET)
    assert [path.read_bytes() for path in paths] == list(CONTENT.values())


def test_what_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    folder = JarFolder(tmp_path, JARS)
    folder.complete(Shelf(), QUIET)
    shelf = Shelf()
    folder.complete(shelf, QUIET)
    assert shelf.asked == []


def test_a_jar_with_other_bytes_is_refused_and_removed(tmp_path: Path) -> None:
    with pytest.raises(JarMismatch, match=r"org\.example:beta:1\.0 was refused and removed") as caught:
        JarFolder(tmp_path, JARS).complete(Shelf(wrong="beta"), QUIET)
    assert caught.value.expected == jar("beta").sha256
    assert caught.value.found == hashlib.sha256(b"?" * 2000).hexdigest()
    assert "beta-1.0.jar" not in {path.name for path in tmp_path.rglob("*")}


def test_a_cut_download_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with pytest.raises(JarsUnavailable, match="run the command again"):
        JarFolder(tmp_path, JARS).complete(Shelf(gone="gamma"), QUIET)
    shelf = Shelf()
    JarFolder(tmp_path, JARS).complete(shelf, QUIET)
    assert shelf.asked == ["gamma"]


def test_a_truncated_jar_is_fetched_again(tmp_path: Path) -> None:
    paths = JarFolder(tmp_path, JARS).complete(Shelf(), QUIET)
    paths[1].write_bytes(b"b" * 10)
    shelf = Shelf()
    JarFolder(tmp_path, JARS).complete(shelf, QUIET)
    assert shelf.asked == ["beta"]
    assert paths[1].read_bytes() == CONTENT["beta"]


def test_a_jar_that_somebody_changed_is_refused_and_removed(tmp_path: Path) -> None:
    folder = JarFolder(tmp_path, JARS)
    paths = folder.complete(Shelf(), QUIET)
    folder.verify()
    paths[1].write_bytes(b"?" * 2000)
    with pytest.raises(JarMismatch, match="beta"):
        folder.verify()
    assert [path.exists() for path in paths] == [True, False, True]


def test_what_a_killed_download_left_is_cleared_away(tmp_path: Path) -> None:
    left = tmp_path / ".fetch-killed" / "org"
    left.mkdir(parents=True)
    (left / "half.jar").write_bytes(b"a" * 10)
    JarFolder(tmp_path, JARS).complete(Shelf(), QUIET)
    assert {path.name for path in tmp_path.iterdir()} - {".lock"} == {jar.name for jar in JARS}


def test_two_at_a_time_fetch_each_jar_once(tmp_path: Path) -> None:
    shelf = Shelf()
    both = [threading.Thread(target=lambda: JarFolder(tmp_path, JARS).complete(shelf, QUIET)) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert sorted(shelf.asked) == sorted(CONTENT)
