"""Networks as extractors of a real graph, and statistics of its edges without labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import SAMPLES, Graph

NETWORK = ("--features", "timm:test_resnet", "--parents", "2", "--min-parent-size", "8", "--workers", "1")


def files(graph: Graph) -> dict[Path, int]:
    """Return the feature files with their modification times."""
    return {path: path.stat().st_mtime_ns for path in graph.folder.features.rglob("*.npy")}


@pytest.mark.slow
def test_features_of_a_network_are_extracted_by_video_whitened_and_compared(graph: Graph, clips: list[Path]) -> None:
    first = graph.json("ingest", *map(str, clips[:44]), *NETWORK)["snapshot"]
    made = files(graph)
    [kept] = graph.store.snapshots()
    assert (kept.settings["features"], kept.settings["clustering"]["whiten"]) == ("timm:test_resnet", 128)

    # After an interrupted run, features of one video are extracted again, alone in their batch: nothing changes.
    lost, *_ = sorted(made)
    content = lost.read_bytes()
    lost.unlink()
    assert graph.json("cluster", *NETWORK)["snapshot"] == first
    again = files(graph)
    assert [path for path in made if made[path] != again[path]] == [lost]
    assert lost.read_bytes() == content

    # Later videos are projected by the existing cluster model.
    grown = graph.json("ingest", *map(str, clips[:52]), *NETWORK)["snapshot"]
    assert grown["fit"] == first["fit"] and grown["counts"]["videos"] > first["counts"]["videos"]

    literal = graph.json("cluster", *NETWORK, "--crops", "color", "--whiten", "0")["snapshot"]
    assert literal["fit"] != first["fit"]
    quality = graph.json("graph", "quality", "--snapshot", first["id"])
    assert quality["edges"] == first["counts"]["inter"] > 0
    assert 0 < quality["joined"] <= 1 and quality["same_video"] == 0 and quality["background"]["ratio"] > 0
    assert quality["similarity"]["lowest"] <= quality["similarity"]["half"] <= quality["similarity"]["highest"]
    assert "same_class" not in quality
    labeled = graph.json("graph", "quality", "--labels", str(SAMPLES / "labels.csv"))
    assert labeled["labeled"] == labeled["edges"]
    assert np.isclose(labeled["edges"] * 2 / labeled["starts"], labeled["per_start"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--features", "torchvision:resnet18", "--weights", "absent.safetensors"), "absent.safetensors"),
        (("--features", "trunk:absent.safetensors"), "absent.json"),
        (("--features", "timm:nothing"), "timm:NAME"),
    ],
)
def test_a_missing_part_of_an_extractor_is_reported_before_mining(
    options: tuple[str, ...], message: str, graph: Graph, clips: list[Path]
) -> None:
    done = graph.run("ingest", str(clips[0]), *options, check=False)
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
    assert graph.cypher("MATCH (v:Video) RETURN v") == []
