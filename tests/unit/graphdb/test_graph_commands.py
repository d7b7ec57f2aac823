from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from filelock import FileLock

from affinity.cli import app
from foundation.data_folder import DataFolder
from foundation.errors import CannotWrite
from graphdb.errors import ArchiveLocked, ExternalServer
from graphdb.maintenance.reset import reset_folder


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """A data folder with something in each of its places, whose server never ran."""
    folder = DataFolder.resolve(tmp_path / "data")
    for place in (folder.archive, folder.features, folder.fits, folder.runs, folder.neo4j / "data"):
        place.mkdir(parents=True)
        (place / "content").write_text("content")
    folder.store_file.write_text("id\n")
    (folder.neo4j / "password").write_text("secret\n")
    return folder


@pytest.mark.parametrize(
    ("command", "verb"),
    [(["start"], "start"), (["stop"], "stop"), (["reset"], "reset"), (["admin", "server", "report"], "administer")],
)
def test_a_server_that_somebody_else_runs_is_left_alone(
    command: list[str], verb: str, folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEO4J_URI", "bolt://db.example:7687")
    with pytest.raises(ExternalServer) as raised:
        app(["graph", command[0], "--data", str(folder.root), *command[1:]])
    assert str(raised.value).startswith(f"NEO4J_URI names bolt://db.example:7687: that server is not ours to {verb}")
    assert (folder.archive / "content").exists()


def test_stop_says_that_nothing_ran(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert not app(["graph", "stop", "--data", str(folder.root)])
    assert capsys.readouterr().out == f"No Neo4j was running in {folder.neo4j}.\n"


def test_status_of_a_server_that_never_ran_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app(["graph", "status", "--json", "--data", str(tmp_path)])
    assert '"running": false' in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_reset_asks_first(
    answer: str, folder: DataFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO(answer))
    assert app(["graph", "reset", "--data", str(folder.root)]) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and "[y/N]" in printed.err
    assert (folder.archive / "content").exists()


def test_reset_goes_on_after_a_yes(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("y\n"))
    assert app(["graph", "reset", "--data", str(folder.root)]) == 0
    assert not folder.archive.exists()


def test_reset_removes_what_belongs_to_the_graph_and_keeps_the_rest(folder: DataFolder) -> None:
    assert app(["graph", "reset", "--yes", "--data", str(folder.root)]) == 0
    for place in (folder.archive, folder.features, folder.fits, folder.store_file, folder.neo4j / "data"):
        assert not place.exists()
    assert (folder.runs / "content").exists()
    assert (folder.neo4j / "password").read_text() == "secret\n"


def test_reset_says_what_it_could_not_delete_and_goes_on_the_next_time(folder: DataFolder) -> None:
    (folder.fits / "content").unlink()
    folder.fits.rmdir()
    folder.fits.write_text("a file in its place")
    with pytest.raises(CannotWrite, match="fits cannot be written: Not a directory"):
        reset_folder(folder)
    assert (folder.archive / "content").exists()
    folder.fits.unlink()
    reset_folder(folder)
    assert not folder.archive.exists()


def test_reset_refuses_while_an_ingest_writes(folder: DataFolder) -> None:
    with FileLock(folder.archive / "writer.lock"), pytest.raises(ArchiveLocked):
        reset_folder(folder)
    assert (folder.archive / "content").exists()
