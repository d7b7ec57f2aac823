"""`affinity evaluate` on a run that was trained on a real graph, and on a small labeled folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Graph
from tests.unit.trainer.toy_service import draw_patch

RUN = ("--run", "one", "--steps", "3", "--batch", "8", "--image-size", "32", "--head", "32,16", "--threads", "1")


@pytest.fixture(scope="module")
def data(world: Graph, service: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a run `one`, trained on the snapshot without the held-out videos."""
    data = tmp_path_factory.mktemp("evaluate")
    training = min(world.store.snapshots(), key=lambda snapshot: snapshot.counts.videos)
    world.run("train", *RUN, "--snapshot", training.id, "--url", service, "--data", str(data))
    return data


@pytest.fixture(scope="module")
def labeled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four classes of stripes, three instances each, two views of each."""
    folder = tmp_path_factory.mktemp("labeled")
    for group in range(4):
        (folder / f"stripes-{group}").mkdir()
        for instance in range(3):
            for view in range(2):
                path = folder / f"stripes-{group}" / f"nr_{instance}_{view}.jpg"
                path.write_bytes(draw_patch(group, instance, view, 0))
    return folder


def test_distances_of_held_out_pairs_are_measured_untrained_and_trained(world: Graph, service: str, data: Path) -> None:
    where = ("--url", service, "--data", str(data), "--hold-out", "0.25")

    result = world.json("evaluate", "distances", "--checkpoint", "one", *where)

    transitive = world.store.snapshot("latest").counts.transitive
    assert 0 < result["pairs"] < result["seen"] == transitive
    assert [network["name"] for network in result["networks"]] == ["untrained", "one"]
    for network in result["networks"]:
        assert network["gap"]["mean"] == pytest.approx(network["ac_dist"]["mean"] - network["ab_dist"]["mean"])
        assert network["ab_dist"]["low"] <= network["ab_dist"]["mean"] <= network["ab_dist"]["high"]


def test_evaluating_the_training_snapshot_prints_a_warning(world: Graph, service: str, data: Path) -> None:
    training = min(world.store.snapshots(), key=lambda snapshot: snapshot.counts.videos)
    where = ("--url", service, "--data", str(data), "--snapshot", training.id)

    done = world.run("evaluate", "distances", "--checkpoint", "one", *where, check=False)

    # The snapshot has no held-out video, so there is nothing to measure. The warning explains why.
    assert done.returncode == 1
    assert "this very snapshot" in done.stderr and "none of the" in done.stderr.lower()


def test_features_are_compared_side_by_side(world: Graph, data: Path, labeled: Path) -> None:
    # Each image has four images of its class among the other instances: with more neighbors, other classes would win.
    options = ["--k", "4", *(option for name in ("random", "hog", "pixels") for option in ("--features", name))]

    result = world.json("evaluate", "knn", str(labeled), *options, "--checkpoint", "one", "--data", str(data))

    assert (result["images"], result["instances"], len(result["classes"])) == (24, 12, 4)
    scores = {score["name"]: score for score in result["features"]}
    assert list(scores) == ["random", "hog", "pixels", "one"]
    assert scores["pixels"]["accuracy"]["mean"] == 1  # a class has colors of its own
    assert scores["hog"]["accuracy"]["mean"] > 4 * result["chance"]  # and roughly a direction of its own
    assert scores["one"]["dims"] == scores["random"]["dims"] == 512
    assert all(set(score["per_class"]) == set(result["classes"]) for score in scores.values())


def test_the_tables_list_every_feature_and_class(world: Graph, data: Path, labeled: Path) -> None:
    done = world.run("evaluate", "knn", str(labeled), "--checkpoint", "one", "--features", "hog", "--data", str(data))

    for word in ("one", "hog", "20-NN accuracy", "chance", "stripes-0", "stripes-3"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("no-such-folder",), "no folder"),
        ((".", "--features", "magic"), "magic"),
        ((".", "--checkpoint", "no-such-run"), "no-such-run"),
    ],
    ids=["folder", "feature", "run"],
)
def test_missing_folders_features_and_runs_are_named(
    world: Graph, data: Path, options: tuple[str, ...], words: str
) -> None:
    done = world.run("evaluate", "knn", *options, "--data", str(data), check=False)

    assert done.returncode == 1
    assert words in done.stderr and "Traceback" not in done.stderr


def test_a_context_network_is_trained_on_frames_and_measured_on_held_out_ones(
    world: Graph, service: str, tmp_path: Path
) -> None:
    training = min(world.store.snapshots(), key=lambda snapshot: snapshot.counts.videos)
    where = ("--url", service, "--data", str(tmp_path))
    world.run("train", *RUN, "--objective", "context", "--snapshot", training.id, *where)
    assert (tmp_path / "runs" / "one" / "trunk.safetensors").exists()

    result = world.json("evaluate", "context", "--checkpoint", "one", "--pairs", "200", "--hold-out", "0.25", *where)

    assert result["chance"] == 1 / 8
    assert [network["name"] for network in result["networks"]] == ["untrained", "one"]
    for network in result["networks"]:
        assert 0 <= network["accuracy"]["low"] <= network["accuracy"]["mean"] <= network["accuracy"]["high"] <= 1
    videos = {row["id"] for row in world.cypher("MATCH (v:Video) RETURN v.id AS id") if int(row["id"], 16) < 2**62}
    assert 0 < result["images"] <= 8 * len(videos)


@pytest.mark.slow
def test_objectives_on_folders_need_no_service(world: Graph, labeled: Path, tmp_path: Path) -> None:
    """Train and evaluate on a folder alone. A context network of VGG exports the VGG without batch normalization."""
    where = ("--images", str(labeled), "--url", "http://127.0.0.1:9", "--data", str(tmp_path))
    for objective, trunk in (("context", "vgg11"), ("supervised", "timm:test_resnet")):
        named = ("--objective", objective, "--trunk", trunk, "--head", "16,8", *RUN[2:-4], "--threads", "1")
        world.run("train", "--run", objective, *named, *where)
        world.run("train", "--run", objective, *named, "--steps", "4", *where)
    context = world.json("evaluate", "context", "--checkpoint", "context", "--pairs", "50", *where[:2], *where[-2:])
    assert context["images"] == 24
    result = world.json(
        *("evaluate", "knn", str(labeled), "--instance-pattern", "(nr_.)", "--k", "3", "--data", str(tmp_path)),
        *("--checkpoint", "context", "--checkpoint", "supervised"),
    )
    assert [feature["name"] for feature in result["features"]] == ["context", "supervised"]
    card = json.loads((tmp_path / "runs" / "context" / "trunk.json").read_text())
    assert card["architecture"] == "vgg11"
