"""Download and verify jars, from a registry in this process."""

from __future__ import annotations

import hashlib
import re
import threading
from pathlib import Path

import pytest
from rich.console import Console

from graphdb.errors import JarError
from graphdb.server.jars import LOCK, Jar, JarFolder, cache_folder, read_lock, unavailable

CONTENT = {"alpha": b"a" * 1000, "beta": b"b" * 2000, "gamma": b"c" * 3000}
QUIET = Console(quiet=True)


def jar(name: str) -> Jar:
    content = CONTENT[name]
    return Jar(hashlib.sha256(content).hexdigest(), len(content), "org.example", name, "1.0")


JARS = [jar(name) for name in CONTENT]


class Registry:
    """Serves CONTENT, and records the requests. It serves wrong bytes for `wrong`, and nothing for `gone`."""

    def __init__(self, wrong: str = "", gone: str = "") -> None:
        self.requests: list[str] = []
        self._wrong, self._gone = wrong, gone

    def __call__(self, jar: Jar, folder: Path) -> Path:
        self.requests.append(jar.artifact)
        if jar.artifact == self._gone:
            raise unavailable(jar, "no answer")
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


def test_the_lock_has_native_jars_for_linux_and_macos_on_both_processors() -> None:
    classifiers = {jar.classifier for jar in read_lock()}
    assert {"linux-x86_64", "linux-aarch_64", "osx-x86_64", "osx-aarch_64"} <= classifiers


def test_the_cache_folder_is_that_of_the_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AFFINITY_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path


def test_all_jars_are_downloaded_and_listed_in_the_order_of_the_lock(tmp_path: Path) -> None:
    paths = JarFolder(tmp_path / "jars", JARS).complete(Registry(), QUIET)
    assert [path.read_bytes() for path in paths] == list(CONTENT.values())


def test_existing_jars_are_not_downloaded_again(tmp_path: Path) -> None:
    folder = JarFolder(tmp_path, JARS)
    folder.complete(Registry(), QUIET)
    registry = Registry()
    folder.complete(registry, QUIET)
    assert registry.requests == []


def test_a_jar_with_wrong_bytes_is_refused_and_removed(tmp_path: Path) -> None:
    with pytest.raises(JarError, match=r"org\.example:beta:1\.0 was refused and removed") as caught:
        JarFolder(tmp_path, JARS).complete(Registry(wrong="beta"), QUIET)
    assert f"its SHA-256 is {hashlib.sha256(b'?' * 2000).hexdigest()}," in str(caught.value)
    assert f"the lock says {jar('beta').sha256}." in str(caught.value)
    assert "beta-1.0.jar" not in {path.name for path in tmp_path.rglob("*")}


def test_an_interrupted_download_continues(tmp_path: Path) -> None:
    with pytest.raises(JarError, match=r"could not be downloaded: no answer.* run the command again"):
        JarFolder(tmp_path, JARS).complete(Registry(gone="gamma"), QUIET)
    registry = Registry()
    JarFolder(tmp_path, JARS).complete(registry, QUIET)
    assert registry.requests == ["gamma"]


def test_a_truncated_jar_is_downloaded_again(tmp_path: Path) -> None:
    paths = JarFolder(tmp_path, JARS).complete(Registry(), QUIET)
    paths[1].write_bytes(b"b" * 10)
    registry = Registry()
    JarFolder(tmp_path, JARS).complete(registry, QUIET)
    assert registry.requests == ["beta"]
    assert paths[1].read_bytes() == CONTENT["beta"]


def test_a_jar_that_was_changed_later_is_refused_and_removed(tmp_path: Path) -> None:
    folder = JarFolder(tmp_path, JARS)
    paths = folder.complete(Registry(), QUIET)
    folder.verify()
    paths[1].write_bytes(b"?" * 2000)
    with pytest.raises(JarError, match=r"beta:1\.0 was refused and removed"):
        folder.verify()
    assert [path.exists() for path in paths] == [True, False, True]


def test_leftovers_of_a_killed_download_are_removed(tmp_path: Path) -> None:
    leftover = tmp_path / ".fetch-killed" / "org"
    leftover.mkdir(parents=True)
    (leftover / "half.jar").write_bytes(b"a" * 10)
    JarFolder(tmp_path, JARS).complete(Registry(), QUIET)
    assert {path.name for path in tmp_path.iterdir()} - {".lock"} == {jar.name for jar in JARS}


def test_two_downloads_at_a_time_download_each_jar_once(tmp_path: Path) -> None:
    registry = Registry()
    both = [threading.Thread(target=lambda: JarFolder(tmp_path, JARS).complete(registry, QUIET)) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert sorted(registry.requests) == sorted(CONTENT)
