"""Networks as extractors of a real graph, and what its edges are like without labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import SAMPLES, Graph

NETWORK = ("--features", "timm:test_resnet", "--parents", "2", "--min-parent-size", "8", "--workers", "1")


def files(graph: Graph) -> dict[Path, int]:
    """The feature files, with the time that each was written."""
    return {path: path.stat().st_mtime_ns for path in graph.folder.features.rglob("*.npy")}


def test_a_networks_features_are_made_by_video_whitened_compared_and_judged_without_labels(
    graph: Graph, clips: list[Path]
) -> None:
    first = graph.json("ingest", *map(str, clips[:44]), *NETWORK)["snapshot"]
    made = files(graph)
    [kept] = graph.store.snapshots()
    assert (kept.settings["features"], kept.settings["clustering"]["whiten"]) == ("timm:test_resnet", 128)

    # A run that was cut: one video is described again, alone in its batch, and nothing changes.
    lost, *_ = sorted(made)
    content = lost.read_bytes()
    lost.unlink()
    assert graph.json("cluster", *NETWORK)["snapshot"] == first
    again = files(graph)
    assert [path for path in made if made[path] != again[path]] == [lost]
    assert lost.read_bytes() == content

    # Later videos are compared by the projection that is there: the same graph as all at once under this fit.
    grown = graph.json("ingest", *map(str, clips[:52]), *NETWORK)["snapshot"]
    assert grown["fit"] == first["fit"] and grown["counts"]["videos"] > first["counts"]["videos"]

    literal = graph.json("cluster", *NETWORK, "--crops", "color", "--whiten", "0")["snapshot"]
    assert literal["fit"] != first["fit"]
    judged = graph.json("graph", "quality", "--snapshot", first["id"])
    assert judged["edges"] == first["counts"]["inter"] > 0
    assert 0 < judged["joined"] <= 1 and judged["same_video"] == 0 and judged["background"]["ratio"] > 0
    assert judged["similarity"]["lowest"] <= judged["similarity"]["half"] <= judged["similarity"]["highest"]
    assert "same_class" not in judged
    labeled = graph.json("graph", "quality", "--labels", str(SAMPLES / "labels.csv"))
    assert labeled["labeled"] == labeled["edges"]
    assert np.isclose(labeled["edges"] * 2 / labeled["starts"], labeled["per_start"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--features", "torchvision:resnet18", "--weights", "absent.safetensors"), "absent.safetensors"),
        (("--features", "trunk:absent.safetensors"), "absent.json"),
        (("--features", "timm:nothing"), "timm:NAME"),
    ],
)
def test_what_an_extractor_lacks_is_said_before_anything_is_mined(
    options: tuple[str, ...], said: str, graph: Graph, clips: list[Path]
) -> None:
    done = graph.run("ingest", str(clips[0]), *options, check=False)
    assert done.returncode == 1 and said in done.stderr and "Traceback" not in done.stderr
    assert graph.cypher("MATCH (v:Video) RETURN v") == []
