"""One ingest of all kinds of files: each row is an input, the message about it, and what is stored."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from graphdb.settings import Connection
from ingest.errors import shown
from tests.conftest import Graph, empty, open_graph
from tests.integration.ingest.odd_files import FRAMES, LATIN_1, MAKERS, make_all

AS_A_USER = """
import ctypes, os, sys
for capability in (1, 2):  # the rights by which root reads files in spite of their modes
    ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
"""Runs Python as a user for whom file modes apply."""


@dataclass(frozen=True)
class Stored:
    """A video in the graph: its upright size, and its intact frames."""

    width: int
    height: int
    frames: int | range
    tracks: bool = True
    reason: str = ""


@dataclass(frozen=True)
class Skipped:
    """A file that is skipped; the reason is named, and nothing is stored."""

    reason: str


CLIP = Stored(320, 240, FRAMES)
ROWS: dict[str, Stored | Skipped] = {
    "good 1.mp4": CLIP,
    "good 2.mp4": CLIP,
    "zero bytes.mp4": Skipped("it is empty"),
    "noise.mp4": Skipped("it is no video, or the part that describes it is damaged or missing"),
    "text.mp4": Skipped("it is no video, or the part that describes it is damaged or missing"),
    "moov cut off.mp4": Skipped("it is no video, or the part that describes it is damaged or missing"),
    "sound alone.mp4": Skipped("it holds no video stream"),
    "cut.avi": Stored(
        320, 240, range(10, 30), tracks=False, reason="video ended before the track (track-frames is 30)"
    ),
    "cut.ts": Stored(320, 240, range(35, FRAMES)),
    "flipped.ts": Stored(320, 240, range(35, FRAMES)),
    "one frame.mp4": Stored(320, 240, 1, tracks=False, reason="video ended before the track (track-frames is 30)"),
    "still.mp4": Stored(320, 240, 1, tracks=False, reason="video ended before the track (track-frames is 30)"),
    "16x16.mp4": Stored(16, 16, FRAMES, tracks=False, reason="box too small (min-box-side is 96)"),
    "64x48.mp4": Stored(64, 48, FRAMES, tracks=False, reason="box too small (min-box-side is 96)"),
    "4K.mp4": Stored(3840, 2160, 36),
    "turned.mp4": Stored(240, 320, FRAMES),
    "uneven.mkv": CLIP,
    "colorless.mkv": CLIP,
    "10 bit.mp4": CLIP,
    "doubled.mp4": Stored(320, 240, 2 * FRAMES),
    "squeezed.mp4": CLIP,
    "resized.ts": Stored(320, 240, FRAMES + 20),
    "album/below/clip.mkv": CLIP,
    "empty folder": Skipped("it is a folder without videos"),
    "locked folder": Skipped("this user may not list the folder"),
    "broken link.mp4": Skipped("its link leads nowhere"),
    "loop.mp4": Skipped("its link leads nowhere"),
    "unreadable.mp4": Skipped("this user may not read it"),
    "pipe.mp4": Skipped("it is not a regular file"),
    "device.mp4": Skipped("it is not a regular file"),
    'it\'s "quoted" [bold] & spaced.mp4': CLIP,
    "two\nlines.mp4": CLIP,
    "видео 映像 🎬.mp4": CLIP,
    LATIN_1: CLIP,
}
LOCKED = ("locked folder", "unreadable.mp4")


@dataclass(frozen=True)
class Ingested:
    """The results of one ingest of all rows."""

    folder: Path
    status: int
    stderr: str
    summary: dict[str, Any]
    videos: dict[str, dict[str, Any]]
    """The stored videos by URI, each with its number of tracks."""

    def stored(self, name: str) -> dict[str, Any] | None:
        return self.videos.get((self.folder / name).absolute().as_uri())

    def reasons(self, kind: str) -> dict[str, str]:
        return {str(Path(row["path"]).relative_to(self.folder)): row["reason"] for row in self.summary[kind]}


def run_as_user(graph: Graph, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", AS_A_USER, *arguments]
    return subprocess.run(command, env=graph.environment, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def ingested(scratch_server: Connection, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingested]:
    empty(scratch_server)
    root = tmp_path_factory.mktemp("any")
    graph = open_graph(root / "data", scratch_server)
    paths = make_all(root / "input")
    done = run_as_user(graph, "-m", "affinity", "ingest", *map(str, paths.values()), "--json")
    assert done.stdout, done.stderr
    rows = graph.cypher("MATCH (v:Video) RETURN v{.*, tracks: COUNT { (v)<-[:FROM]-(:Start)-[:INTRA]->() }} AS video")
    videos = {row["video"]["uri"]: row["video"] for row in rows}
    graph.close()
    yield Ingested(root / "input", done.returncode, done.stderr, json.loads(done.stdout), videos)
    for name in LOCKED:
        paths[name].chmod(0o700)


def modes_apply(folder: Path) -> bool:
    """Return whether file modes apply under AS_A_USER: in some containers, root cannot give up its rights."""
    test = f"import os, sys; sys.exit(os.access({str(folder / 'unreadable.mp4')!r}, os.R_OK))"
    return subprocess.run([sys.executable, "-c", AS_A_USER, "-c", test]).returncode == 0


def test_every_input_has_a_row() -> None:
    assert {name.partition("/")[0] for name in ROWS} | {"copy.mp4"} == set(MAKERS)


@pytest.mark.parametrize("name", ROWS, ids=ascii)
def test_each_input_is_stored_or_skipped_with_the_reason(name: str, ingested: Ingested) -> None:
    if name in LOCKED and not modes_apply(ingested.folder):
        pytest.skip("on this machine, root cannot give up its right to read everything")
    row, path, video = ROWS[name], ingested.folder / name, ingested.stored(name)
    if isinstance(row, Skipped):
        assert video is None
        assert ingested.reasons("skipped")[name] == row.reason
        assert f"skipped {shown(path)}: {row.reason}" in ingested.stderr
        return
    assert name not in ingested.reasons("skipped")
    assert video is not None
    assert (video["width"], video["height"]) == (row.width, row.height)
    assert video["frames"] in (row.frames if isinstance(row.frames, range) else [row.frames])
    assert (video["tracks"] > 0) == row.tracks == (name not in ingested.reasons("trackless"))
    if row.reason:
        assert row.reason in ingested.reasons("trackless")[name]
        assert f"no track in {shown(path)}: {ingested.reasons('trackless')[name]}" in ingested.stderr


def test_the_exit_status_reports_skipped_files(ingested: Ingested) -> None:
    skipped = [name for name, row in ROWS.items() if isinstance(row, Skipped)]
    assert ingested.status == 3
    assert set(skipped) - set(LOCKED) <= set(ingested.reasons("skipped")) <= set(skipped)
    assert "Traceback" not in ingested.stderr


def test_two_files_with_the_same_bytes_are_one_video(ingested: Ingested) -> None:
    assert ingested.summary["copies"] == 1
    assert ingested.stored("copy.mp4") is None


def test_videos_without_tracks_and_damaged_videos_are_counted(ingested: Ingested) -> None:
    trackless = sum(isinstance(row, Stored) and not row.tracks for row in ROWS.values())
    mined = ingested.summary["mined"]
    assert any(f"{trackless} of {mined} videos gave no track" in note for note in ingested.summary["notes"])
    damaged = {Path(row["path"]).name: row["frames"] for row in ingested.summary["damaged"]}
    assert set(damaged) == {"cut.avi", "cut.ts", "flipped.ts"}
    note = f"3 of {mined} videos hold damaged frames; {sum(damaged.values())} were left out."
    assert note in ingested.summary["notes"]


def test_any_name_is_printed_on_one_line(ingested: Ingested) -> None:
    assert shown(Path("two\nlines \x1b[1m")) == r"two\nlines \x1b[1m"
    assert shown(Path(LATIN_1)) == r"caf\xe9.mp4"
    assert shown(Path("видео")) == "видео"


def test_the_duration_of_uneven_frames_follows_their_stamps(ingested: Ingested) -> None:
    video = ingested.stored("uneven.mkv")
    assert video is not None and video["duration"] == pytest.approx(2.4, abs=0.05)


def test_a_video_without_tracks_is_no_failure(graph: Graph, tmp_path: Path) -> None:
    MAKERS["still.mp4"](tmp_path / "still.mp4")
    done = graph.run("ingest", str(tmp_path))
    assert "1 of 1 videos gave no track: 1 of 1 frames: video ended before the track" in done.stderr


@pytest.mark.parametrize("name", ["noise.mp4", "empty folder"])
def test_if_no_file_can_be_used_one_sentence_reports_it(name: str, graph: Graph, tmp_path: Path) -> None:
    MAKERS[name](tmp_path / name)
    done = graph.run("ingest", str(tmp_path / name), "--json", check=False)
    assert done.returncode == 3
    assert json.loads(done.stdout)["snapshot"] is None
    assert "Nothing to publish: no file could be used" in done.stderr
    assert "affinity:" not in done.stderr
