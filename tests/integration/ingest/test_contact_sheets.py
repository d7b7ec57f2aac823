"""`affinity show`: the content of contact sheets, and the errors where there is nothing to draw."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from graphdb.archive.reader import ArchiveReader
from ingest.contact_sheets.drawing import MARGIN, crop_picture
from ingest.contact_sheets.panels import SIDE
from tests.conftest import Graph

KINDS = ("patches", "tracks", "children", "parents")


def show(graph: Graph, kind: str, out: Path, *options: str) -> dict[str, Any]:
    """Run `affinity show … --json` and return what it prints; check the size of the sheet."""
    shown = graph.json("show", kind, "--out", str(out), *options)
    with Image.open(out) as image:
        image.load()
        assert (image.width, image.height) == (shown["width"], shown["height"])
    return shown


def error_line(graph: Graph, *arguments: str) -> str:
    """Run a command that fails, and return its only line on stderr."""
    done = graph.run("show", *arguments, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    [line] = done.stderr.strip().splitlines()
    assert line.startswith("affinity: ")
    return line


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_draws_the_same_sheet(world: Graph, kind: str, tmp_path: Path) -> None:
    first = show(world, kind, tmp_path / "first.png", "--count", "3", "--seed", "5")
    again = show(world, kind, tmp_path / "again.png", "--count", "3", "--seed", "5")
    assert len(first[kind]) == 3
    assert first[kind] == again[kind]
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "again.png").read_bytes()


def test_another_seed_draws_other_tracks(world: Graph, tmp_path: Path) -> None:
    drawn = [show(world, "tracks", tmp_path / "sheet.jpg", "--count", "4", "--seed", str(seed)) for seed in (0, 1)]
    assert drawn[0]["tracks"] != drawn[1]["tracks"]


def test_tracks_are_tracks_of_the_snapshot_spread_over_its_videos(world: Graph, tmp_path: Path) -> None:
    tracks = show(world, "tracks", tmp_path / "sheet.png", "--count", "20")["tracks"]
    joined = world.cypher(
        "UNWIND $tracks AS t MATCH (:Start {id: t.start})-[:INTRA]->(:End {id: t.end}) RETURN t", tracks=tracks
    )
    assert len(joined) == len(tracks) == 20
    assert len({track["start"].partition("-")[0] for track in tracks}) == 20


def test_a_sheet_shows_the_pixels_of_the_archive(world: Graph, tmp_path: Path) -> None:
    [patch] = show(world, "patches", tmp_path / "sheet.png", "--count", "1")["patches"]
    archive = ArchiveReader(world.folder.archive)
    crop = np.asarray(crop_picture(archive.read(world.store.pixels([patch["patch"]])[patch["patch"]]), SIDE).image)
    archive.close()
    with Image.open(tmp_path / "sheet.png") as image:
        sheet = np.asarray(image.convert("RGB"))
    # The frame is on the left, on a tile of 4:3. The height above the crop may change.
    columns = sheet[:, MARGIN + SIDE * 4 // 3 + 6 :][:, :SIDE]
    assert any(np.array_equal(columns[top : top + SIDE], crop) for top in range(len(sheet) - SIDE))


def test_a_child_cluster_has_four_starts_of_its_parent(world: Graph, tmp_path: Path) -> None:
    children = show(world, "children", tmp_path / "sheet.png", "--count", "12")["children"]
    rows = world.cypher(
        "UNWIND $children AS c MATCH (a:Start)-[:MEMBER]->(:Child {id: c.child})-[:IN]->(:Segment)-[:OF]->(p:Parent) "
        "WITH c, p, a ORDER BY a.id RETURN c.child AS child, p.number AS parent, collect(a.id) AS members",
        children=children,
    )
    found = {row["child"]: (row["parent"], row["members"]) for row in rows}
    assert len(found) == 12
    assert {child["child"]: (child["parent"], child["members"]) for child in children} == found
    assert all(len(child["members"]) == 4 for child in children)


def test_the_largest_parents_are_shown_with_their_number_of_members(world: Graph, tmp_path: Path) -> None:
    shown = show(world, "parents", tmp_path / "sheet.png")
    rows = world.cypher(
        "MATCH (s:Snapshot {id: $id}) MATCH (p:Parent {fit: s.fit})<-[:IN]-(a:Start) RETURN p.number AS parent, "
        "count(a) AS starts, COUNT { (s)-[:USES]->(:Segment)-[:OF]->(p) } AS linked ORDER BY starts DESC, parent",
        id=shown["snapshot"],
    )
    assert [(parent["parent"], parent["starts"]) for parent in shown["parents"]] == [
        (row["parent"], row["starts"]) for row in rows
    ]
    assert {p["parent"] for p in shown["parents"] if p["children"]} <= {r["parent"] for r in rows if r["linked"]}
    [counted] = world.cypher("MATCH (s:Snapshot {id: $id}) RETURN s.children AS children", id=shown["snapshot"])
    assert sum(parent["children"] for parent in shown["parents"]) == counted["children"] > 0


def test_a_training_snapshot_shows_no_video_that_is_held_out(world: Graph, tmp_path: Path) -> None:
    training, full = sorted(world.store.snapshots(), key=lambda snapshot: snapshot.counts.videos)
    shown = show(world, "patches", tmp_path / "sheet.png", "--snapshot", training.id, "--count", "400")
    assert len(shown["patches"]) == training.counts.intra < full.counts.intra
    assert {p["patch"] for p in shown["patches"]} == {
        id for _, ids in world.store.snapshot_starts(training.id).values() for id in ids
    }


def test_a_filter_selects_videos_by_their_file_name(world: Graph, clips: list[Path], tmp_path: Path) -> None:
    wanted = clips[len(clips) // 2].stem
    tracks = show(world, "tracks", tmp_path / "sheet.png", "--video", wanted.upper())["tracks"]
    uris = world.cypher(
        "UNWIND $starts AS id MATCH (:Start {id: id})-[:FROM]->(v) RETURN DISTINCT v.uri AS uri",
        starts=[track["start"] for track in tracks],
    )
    assert [Path(row["uri"]).stem for row in uris] == [wanted]
    assert "no track" in error_line(world, "tracks", "--out", str(tmp_path / "none.png"), "--video", "no such video")
    assert not (tmp_path / "none.png").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--out", "sheet.gif"), "*.png or *.jpg"),
        (("--out", "no/such/folder/sheet.png"), "there is no folder"),
        (("--out", "/proc/sheet.png"), "cannot be written"),
        (("--out", "sheet.png", "--snapshot", "0123456789abcdef"), "'0123456789abcdef'"),
    ],
)
def test_a_sheet_that_cannot_be_drawn_is_one_line_on_stderr(
    world: Graph, options: tuple[str, ...], message: str
) -> None:
    assert message in error_line(world, "patches", *options)


def test_too_few_real_videos_to_link_are_published_and_shown(graph: Graph, bikes: Path, tmp_path: Path) -> None:
    bunny = bikes.with_name("bigbuckbunny.mp4")
    result = graph.json("ingest", str(bikes), str(bunny), "--track-frames", "8")
    counts = result["snapshot"]["counts"]
    assert (counts["videos"], counts["inter"], counts["parents"]) == (2, 0, 0)
    [note] = [note for note in result["notes"] if "no INTER" in note]
    assert "Ingest more videos" in note
    assert graph.store.snapshot("latest").id == result["snapshot"]["id"]

    shown = show(graph, "tracks", tmp_path / "tracks.jpg")["tracks"]
    starts = graph.store.snapshot_starts(result["snapshot"]["id"])
    named = {uri.rpartition("/")[2]: ids for uri, ids in starts.values()}
    assert sorted(track["start"] for track in shown) == sorted(id for ids in named.values() for id in ids)
    assert named[bikes.name] and named[bunny.name]
    assert len(show(graph, "patches", tmp_path / "patches.png")["patches"]) == counts["intra"]
    assert show(graph, "parents", tmp_path / "parents.png")["parents"][0]["children"] == 0

    why = error_line(graph, "children", "--out", str(tmp_path / "children.png"))
    assert "no child cluster" in why
    assert "--members" in why


def test_videos_with_the_same_name_or_path_are_all_shown(graph: Graph, clips: list[Path], tmp_path: Path) -> None:
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        shutil.copy(clips[0 if place == "a" else 1], tmp_path / place / "0001.mp4")
    graph.run("ingest", str(tmp_path / "a"), str(tmp_path / "b"))
    shutil.copy(clips[2], tmp_path / "a" / "0001.mp4")
    result = graph.json("ingest", str(tmp_path / "a"), "--parents", "2", "--members", "4")
    counts = result["snapshot"]["counts"]
    starts = graph.store.snapshot_starts(result["snapshot"]["id"])
    assert counts["videos"] == len(starts) == 3 > len({uri for uri, _ in starts.values()})

    shown = show(graph, "patches", tmp_path / "patches.png", "--count", "400", "--video", "0001")["patches"]
    assert len(shown) == counts["intra"] == sum(len(ids) for _, ids in starts.values())


def test_a_graph_without_a_snapshot_is_an_error_that_names_the_remedy(graph: Graph, tmp_path: Path) -> None:
    assert "affinity ingest" in error_line(graph, "tracks", "--out", str(tmp_path / "sheet.png"))


def test_json_output_is_one_object_and_nothing_else(world: Graph, tmp_path: Path) -> None:
    done = world.run("show", "patches", "--out", str(tmp_path / "sheet.png"), "--count", "2", "--json")
    assert set(json.loads(done.stdout)) == {"snapshot", "sheet", "width", "height", "patches"}
    assert done.stderr == ""
