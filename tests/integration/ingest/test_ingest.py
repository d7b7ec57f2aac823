"""`affinity ingest`: what it stores and prints, and what happens when it is interrupted."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from ingest.settings import MiningSettings
from tests.conftest import Graph, Wait
from tests.integration.fingerprint import fingerprint

LINKED = ("--parents", "2", "--min-parent-size", "8")


def arguments(paths: list[Path], *options: str) -> list[str]:
    return ["ingest", *map(str, paths), *options]


def test_real_video_gives_tracks_and_a_snapshot(graph: Graph, bikes: Path) -> None:
    result = graph.json("ingest", str(bikes), "--track-frames", "8")
    counts = result["snapshot"]["counts"]
    assert result["mined"] == counts["videos"] == 1
    assert counts["intra"] == result["tracks"] > 0
    assert counts["inter"] == 0
    assert any("--min-parent-size" in note for note in result["notes"])


def test_a_known_video_is_not_mined_again_and_two_equal_files_are_one_video(
    graph: Graph, clips: list[Path], tmp_path: Path
) -> None:
    copy = tmp_path / "same bytes, another 'name'.mp4"
    shutil.copy(clips[0], copy)
    first = graph.json("ingest", str(clips[0]), str(copy))
    assert (first["mined"], first["copies"]) == (1, 1)
    before = fingerprint(graph)
    again = graph.json("ingest", str(copy))
    assert (again["mined"], again["known"], again["snapshot"]["id"]) == (0, 1, first["snapshot"]["id"])
    assert fingerprint(graph) == before


def test_broken_files_are_named_and_the_others_are_ingested(graph: Graph, clips: list[Path], tmp_path: Path) -> None:
    broken = {"empty.mp4": b"", "text.mp4": b"<html>not found</html>", "noise.mp4": bytes(range(256)) * 64}
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
    done = graph.run("ingest", str(clips[0]), *(str(tmp_path / name) for name in broken), "--json", check=False)
    result = json.loads(done.stdout)
    assert done.returncode == 3
    assert {Path(skipped["path"]).name for skipped in result["skipped"]} == set(broken)
    assert result["mined"] == 1
    for name in broken:
        assert name in done.stderr


def test_a_missing_path_is_an_error_without_traceback(graph: Graph, tmp_path: Path) -> None:
    done = graph.run("ingest", str(tmp_path / "nothing"), check=False)
    assert done.returncode == 1
    assert "Nothing is at" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_video_without_tracks_is_explained_by_the_setting(graph: Graph, clips: list[Path]) -> None:
    result = graph.json("ingest", str(clips[0]), "--track-frames", "5000")
    assert result["tracks"] == 0
    assert any("track-frames is 5000" in note for note in result["notes"])


def test_videos_mined_with_other_settings_are_reported_and_mined_again_with_remine(
    graph: Graph, clips: list[Path]
) -> None:
    first = graph.json("ingest", str(clips[0]))
    other = graph.run("ingest", str(clips[0]), "--track-frames", "15", "--json", check=False)
    assert "--remine" in other.stderr
    remined = graph.json("ingest", str(clips[0]), "--track-frames", "15", "--remine")
    assert (remined["mined"], remined["snapshot"]["frames"]) == (1, 15)
    described = sorted(len(np.load(path)) for path in graph.folder.features.rglob("*.npy"))
    assert described == sorted(one["snapshot"]["counts"]["intra"] for one in (first, remined))
    old = graph.store.snapshot(first["snapshot"]["id"])
    rows = graph.store.sample_intra(range(old.counts.intra), old.fit)
    assert all(id.endswith("-e30") for id in rows.end.id)


def test_crops_of_another_size_are_an_error_before_anything_is_mined(graph: Graph, clips: list[Path]) -> None:
    first = graph.json("ingest", str(clips[0]), "--crop-side", "64")
    assert first["snapshot"]["counts"]["patches"] > 0
    refused = graph.run("ingest", *map(str, clips[:2]), check=False)
    assert refused.returncode == 1 and "Traceback" not in refused.stderr
    assert "sides of 64 pixels" in refused.stderr and "--crop-side 64" in refused.stderr
    assert graph.store.counts()["videos"] == 1
    assert graph.json("ingest", *map(str, clips[:2]), "--crop-side", "64")["snapshot"]["counts"]["videos"] == 2


def test_no_link_stops_before_clustering_and_cluster_continues(graph: Graph, clips: list[Path]) -> None:
    mined = graph.json(*arguments(clips[:40], "--no-link"))
    assert mined["snapshot"] is None
    assert graph.store.snapshots() == []
    linked = graph.json("cluster", *LINKED)
    assert linked["snapshot"]["counts"]["inter"] > 0
    assert graph.json(*arguments(clips[:40], *LINKED))["snapshot"] == linked["snapshot"]


def test_no_frames_keeps_no_frames(graph: Graph, clips: list[Path]) -> None:
    graph.run("ingest", str(clips[0]), "--no-frames")
    assert graph.store.counts()["frames"] == 0
    assert graph.store.videos() == {id: {MiningSettings().digest} for id in graph.store.videos()}


def test_a_second_ingest_at_the_same_time_is_an_error(graph: Graph, clips: list[Path], wait_for: Wait) -> None:
    first = graph.start(*arguments(clips))
    wait_for(lambda: graph.store.counts()["videos"] > 0)
    second = graph.run("ingest", str(clips[0]), check=False)
    assert second.returncode == 1
    assert "Another command is writing" in second.stderr
    first.kill()


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


@pytest.mark.slow
def test_an_ingest_killed_at_five_moments_and_run_again_gives_the_same_graph(
    graph: Graph, clips: list[Path], wait_for: Wait
) -> None:
    chosen = arguments(clips[:40], *LINKED, "--hold-out", "0.25")
    graph.run(*chosen)
    undisturbed = fingerprint(graph)
    graph.cypher("MATCH (n) DETACH DELETE n")
    shutil.rmtree(graph.folder.root)
    graph.folder.root.mkdir()

    moments = [
        lambda: graph.store.counts()["videos"] >= 1,
        lambda: graph.store.counts()["videos"] >= 20,
        lambda: any(graph.folder.features.rglob("*.npy")),
        lambda: graph.store.counts()["parents"] > 0,
        lambda: graph.inter_segments() > 0,
    ]
    for moment in moments:
        process = graph.start(*chosen)
        wait_for(lambda moment=moment, process=process: moment() or process.poll() is not None)  # type: ignore[misc]
        kill(process)
    graph.run(*chosen)
    nodes, relationships = fingerprint(graph)
    assert nodes == undisturbed[0]
    assert relationships == undisturbed[1]
