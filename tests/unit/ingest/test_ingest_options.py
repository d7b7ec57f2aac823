"""From the options of `affinity ingest` and `affinity cluster` to settings, by the real command line."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cyclopts import CycloptsError

from affinity.cli import app
from foundation.options import usage_message
from foundation.settings import declarations, to_stored
from ingest.settings import ClusterSettings, IngestSettings, MiningSettings, with_preset


def settings_of(*options: str, command: str = "ingest") -> IngestSettings:
    """The settings of `affinity ingest videos …`, built as the command builds them."""
    _, bound, *_ = app.parse_args([command, *(["videos"] if command == "ingest" else []), *options])
    given: dict[str, Any] = bound.arguments
    mining = given.get("mining", {"track_frames": given["track_frames"]} if "track_frames" in given else {})
    clustering = ClusterSettings(**given.get("clustering", {}))
    return IngestSettings(
        mining=with_preset(given.get("preset"), mining), clustering=clustering, **given.get("run", {})
    )


def test_no_option_gives_the_defaults() -> None:
    assert settings_of() == settings_of(command="cluster") == IngestSettings()


def test_an_option_sets_the_setting_of_its_name() -> None:
    given = settings_of("--track-frames", "15", "--min-parent-size", "9", "--hold-out", "0.5", "--no-frames")
    assert given == IngestSettings(
        mining=MiningSettings(track_frames=15),
        clustering=ClusterSettings(min_parent_size=9),
        hold_out=0.5,
        frames=False,
    )


def test_cluster_takes_the_settings_that_do_not_mine() -> None:
    given = settings_of("--track-frames", "15", "--seed", "3", "--refit", command="cluster")
    clustering = ClusterSettings(seed=3)
    assert given == IngestSettings(mining=MiningSettings(track_frames=15), clustering=clustering, refit=True)


def test_given_options_win_over_a_preset() -> None:
    paper = MiningSettings(motion="trajectories", max_patches=100)
    assert settings_of("--preset", "paper").mining == paper
    assert settings_of("--preset", "paper", "--max-patches", "7").mining == replace(paper, max_patches=7)


def test_every_setting_is_an_option() -> None:
    settings = settings_of("--stride", "3", "--min-speed", "0.5", "--clique-size", "5", "--same-video", "allow")
    assert (settings.mining.stride, settings.mining.min_speed) == (3, 0.5)
    assert (settings.clustering.clique_size, settings.clustering.min_parent_size) == (5, None)
    assert settings.clustering.same_video == "allow"


def test_the_default_of_every_setting_can_be_written_out() -> None:
    options = []
    for kind in (MiningSettings, ClusterSettings, IngestSettings):
        for name, (declaration, _, default) in declarations(kind).items():
            option = name.replace("_", "-")
            if isinstance(default, bool):
                options += [f"--{option}" if default else f"--no-{option}"] * declaration.option
            elif default is not None:
                options += [f"--{option}", str(default)]
    assert len(options) > 80
    assert settings_of(*options) == IngestSettings()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--stride", "x"), '--stride: unable to convert "x" into a whole number.'),
        (("--min-speed", "fast"), '--min-speed: unable to convert "fast" into a number.'),
        (("--stride", "0"), "It must be from 1 to 1,000,000."),
        (("--stride",), "--stride"),
        (("--same-video", "maybe"), "representative"),
        (("--strid", "3"), "Did you mean --stride?"),
        (("--set", "stride=3"), "--set"),
    ],
)
def test_a_wrong_option_is_a_usage_error(options: tuple[str, ...], words: str) -> None:
    with pytest.raises(CycloptsError) as raised:
        app(["ingest", "videos", *options])
    assert words in usage_message(raised.value)


OLD_MINING = {
    "track_frames": 30,
    "crop": 96,
    "box_share": 0.5675,
    "min_side": 96,
    "stride": 5,
    "max_patches": 8,
    "gap": 25,
    "motion": "flow",
    "width": 320,
    "pair_seconds": 0.08,
    "point_step": 2,
    "texture": 0.003,
    "camera_distance": 1.0,
    "round_trip": 0.5,
    "same_direction": 0.5,
    "min_speed": 0.04,
    "min_shift": 0.4,
    "min_inliers": 0.3,
    "min_moving": 0.005,
    "max_moving": 0.35,
    "min_density": 0.05,
    "min_share": 0.3,
    "trajectory_frames": 15,
    "trajectory_speed": 0.5,
    "trajectory_min": 0.25,
    "trajectory_max": 0.75,
    "cut_difference": 10.0,
    "cut_ratio": 2.5,
    "cut_correlation": 0.8,
    "track_side": 180,
    "min_region": 0.5,
    "region_side": 32,
    "min_response": 0.2,
    "min_visible": 0.8,
    "min_return": 0.5,
    "min_travel": 0.45,
    "attempts": 2,
    "jpeg_quality": 95,
    "frames": True,
    "frame_side": 256,
    "frame_quality": 90,
}
OLD_CLUSTERING = {
    "parents": None,
    "members": None,
    "neighbors": None,
    "group": 4,
    "same_video": "representative",
    "copy_similarity": 0.85,
    "seed": 0,
    "iterations": 20,
    "points": 64,
    "whiten": None,
}
"""The settings as version 0.1 wrote them into digests, fits and snapshots."""


def test_stored_names_and_their_order_are_those_of_version_0_1() -> None:
    assert list(to_stored(MiningSettings()).items()) == list(OLD_MINING.items())
    assert list(to_stored(ClusterSettings()).items()) == list(OLD_CLUSTERING.items())


@pytest.mark.parametrize(
    ("settings", "digest"),
    [
        (MiningSettings(), "9580ffecc192276c"),
        (MiningSettings(frames=False), "9580ffecc192276c"),
        (
            MiningSettings(
                max_forward_backward_error=0.7,
                ransac_threshold=2.0,
                crop_side=64,
                trajectory_min_moving=0.1,
                frames=False,
                min_gap=7,
            ),
            "f24bba11d679b9e3",
        ),
        (ClusterSettings(), "ca4b7c3b2193cb38"),
        (
            ClusterSettings(
                parents=8,
                min_parent_size=5,
                neighbors=7,
                clique_size=3,
                max_points_per_centroid=16,
                kmeans_iterations=5,
                seed=2,
                whiten=0,
                same_video="allow",
                copy_similarity=0.9,
            ),
            "47bb7de47bb92b11",
        ),
    ],
)
def test_digests_are_those_of_version_0_1(settings: MiningSettings | ClusterSettings, digest: str) -> None:
    assert settings.digest == digest
