"""The settings of ingest, each with its meaning and the paper's value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from foundation.settings import check, invalid, setting, to_stored


@dataclass(frozen=True, kw_only=True)
class MiningSettings:
    """How a video becomes tracks (Sec. 4.1, 4.3). Work pixels: of the small frame that motion is computed on."""

    panel: ClassVar = "Mining"
    panel_order: ClassVar = 3

    track_frames: int = setting(
        30, "Frames from the start of a track to its end.", paper="30; 15 in the ablation", ge=1, le=1_000_000
    )
    crop_side: int = setting(
        96, "Side of a stored crop.", unit="pixels", paper="96", ge=32, le=100_000, stored="crop", advanced=True
    )
    box_share: float = setting(
        227 / 400,
        "Side of a box, as a share of the frame's short side.",
        paper="227 pixels of about 600×400",
        ge=0,
        le=1,
        advanced=True,
    )
    min_box_side: int = setting(
        96,
        "Smallest side of a box in the frame; a box smaller than the crop would be enlarged.",
        unit="pixels",
        ge=32,
        le=100_000,
        stored="min_side",
        advanced=True,
    )
    stride: int = setting(5, "Frames from one candidate for a start to the next.", ge=1, le=1_000_000, advanced=True)
    max_patches: int = setting(
        8,
        "Largest number of starts in a video; the strongest are kept.",
        paper="about 100 (10 M patches of 100 K videos)",
        ge=1,
        le=1_000_000,
    )
    min_gap: int = setting(
        25, "Smallest number of frames between two starts.", ge=1, le=1_000_000, stored="gap", advanced=True
    )
    motion: Literal["flow", "trajectories", "things"] = setting(
        "flow",
        "How tracks are found: flow and trajectories look for one moving box of fixed size in a frame, by dense "
        "optical flow or by trajectories of feature points; things follows everything that moves, each in a box of "
        "its own size.",
        paper="trajectories",
    )
    work_side: int = setting(
        320,
        "Long side of the frame that motion is computed on; smaller videos are not enlarged.",
        unit="pixels",
        ge=64,
        le=100_000,
        stored="width",
        advanced=True,
    )
    pair_seconds: float = setting(
        0.08,
        "Time between the frames that are compared; it skips duplicated frames and shows slow motion.",
        unit="seconds",
        ge=0,
        le=1_000,
        advanced=True,
    )
    point_step: int = setting(
        2,
        "Distance between the points whose motion is measured.",
        unit="work pixels",
        paper="feature points of dense trajectories",
        ge=1,
        le=1_000_000,
        advanced=True,
    )
    min_texture: float = setting(
        0.003,
        "Smallest corner strength of a point, as a share of the frame's 99th percentile; flat regions have no flow.",
        ge=0,
        le=1,
        stored="texture",
        advanced=True,
    )
    ransac_threshold: float = setting(
        1.0,
        "Largest distance between a background corner and its position by the camera's homography.",
        unit="work pixels",
        ge=0,
        le=1_000,
        stored="camera_distance",
        advanced=True,
    )
    max_forward_backward_error: float = setting(
        0.5,
        "Largest forward-backward error of a point; a fast point may have a little more.",
        unit="work pixels",
        ge=0,
        le=1_000,
        stored="round_trip",
        advanced=True,
    )
    min_direction_cosine: float = setting(
        0.5,
        "Smallest cosine between the two motions of a point in three frames; a moving thing keeps its direction.",
        ge=-1,
        le=1,
        stored="same_direction",
        advanced=True,
    )
    min_speed: float = setting(
        0.04,
        "Smallest speed of a moving point, without the camera's motion.",
        unit="long sides of the frame per second",
        ge=0,
        le=1_000,
        advanced=True,
    )
    min_shift: float = setting(
        0.4,
        "Smallest shift of a moving point between compared frames; a smaller shift is noise of the flow.",
        unit="work pixels",
        ge=0,
        le=1_000,
        advanced=True,
    )
    min_inliers: float = setting(
        0.3,
        "Smallest share of corners that must follow one homography; with fewer, the camera's motion is unknown.",
        ge=0,
        le=1,
        advanced=True,
    )
    min_moving: float = setting(
        0.005,
        "Smallest share of points that move.",
        paper="frames with too little motion are dropped, threshold not stated",
        ge=0,
        le=1,
        advanced=True,
    )
    max_moving: float = setting(
        0.35,
        "Largest share of points that move.",
        paper="frames with too much motion are dropped, threshold not stated",
        ge=0,
        le=1,
        advanced=True,
    )
    min_density: float = setting(0.05, "Smallest share of the box's points that move.", ge=0, le=1, advanced=True)
    min_coverage: float = setting(
        0.3,
        "Smallest share of all moving points that lie in the box.",
        ge=0,
        le=1,
        stored="min_share",
        advanced=True,
    )
    trajectory_frames: int = setting(
        15,
        "Frames over which a point is tracked, with --motion trajectories.",
        paper="15, as in improved dense trajectories",
        ge=1,
        le=1_000_000,
        advanced=True,
    )
    trajectory_speed: float = setting(
        0.5,
        "Smallest mean speed of a moving point, without the camera's motion, with --motion trajectories.",
        unit="pixels per frame, in a frame 600 pixels long",
        paper="0.5",
        ge=0,
        le=1_000,
        advanced=True,
    )
    trajectory_min_moving: float = setting(
        0.25,
        "Smallest share of points that move, with --motion trajectories.",
        paper="0.25 (Wang and Gupta, 2015)",
        ge=0,
        le=1,
        stored="trajectory_min",
        advanced=True,
    )
    trajectory_max_moving: float = setting(
        0.75,
        "Largest share of points that move, with --motion trajectories.",
        paper="0.75 (Wang and Gupta, 2015)",
        ge=0,
        le=1,
        stored="trajectory_max",
        advanced=True,
    )
    cut_difference: float = setting(
        10.0,
        "Smallest mean difference between the two frames at a cut.",
        unit="gray levels of 255",
        ge=0,
        le=1_000,
        advanced=True,
    )
    cut_ratio: float = setting(
        2.5,
        "Smallest ratio of the difference at a cut to the differences just before it.",
        ge=0,
        le=1_000,
        advanced=True,
    )
    cut_correlation: float = setting(
        0.8,
        "Largest correlation of the two frames at a cut; a change of exposure leaves it high.",
        ge=-1,
        le=1,
        advanced=True,
    )
    track_side: int = setting(
        180,
        "Largest short side of the frame that the tracker sees; larger frames do not track better.",
        unit="pixels",
        ge=32,
        le=100_000,
        advanced=True,
    )
    min_region: float = setting(
        0.5, "Smallest side of the tracked region, as a share of the box.", ge=0, le=1, advanced=True
    )
    region_side: int = setting(
        32,
        "Side that the tracked region is scaled down to; tracking time grows with its area.",
        unit="pixels",
        ge=16,
        le=1_000,
        advanced=True,
    )
    min_response: float = setting(
        0.2,
        "Smallest peak of the tracker's response; below it, the track is lost. OpenCV's default is 0.5.",
        ge=0,
        le=1,
        advanced=True,
    )
    min_visible: float = setting(
        0.8, "Smallest share of the tracked region that stays inside the frame.", ge=0, le=1, advanced=True
    )
    min_return_iou: float = setting(
        0.5,
        "Smallest overlap (IoU) of the first region with the one that tracking back from the end gives.",
        ge=0,
        le=1,
        stored="min_return",
        advanced=True,
    )
    min_travel: float = setting(
        0.45,
        "Smallest distance that the tracked region must get from where the camera's motion alone takes it, as a share "
        "of the way at --min-speed; a third of it in the last third of the track.",
        ge=0,
        le=1,
        advanced=True,
    )
    tracking_rounds: int = setting(
        2,
        "Rounds of tracking; each round tries new candidates in place of lost tracks.",
        ge=1,
        le=1_000_000,
        stored="attempts",
        advanced=True,
    )
    thing_min_side: int = setting(
        64,
        "Smallest side of a thing's box in the frame; a box smaller than the crop is enlarged, with --motion things.",
        unit="pixels",
        ge=32,
        le=100_000,
        only_with=("motion", "things"),
        advanced=True,
    )
    thing_margin: float = setting(
        1.2,
        "Side of a thing's box, as a multiple of the thing's longer side, with --motion things.",
        ge=1,
        le=4,
        only_with=("motion", "things"),
        advanced=True,
    )
    thing_min_difference: float = setting(
        10.0,
        "Smallest difference between a pixel of a moving thing and the same place before and after, with --motion "
        "things.",
        unit="gray levels of 255",
        ge=1,
        le=255,
        only_with=("motion", "things"),
        advanced=True,
    )
    thing_starts: int = setting(
        20,
        "Largest number of starts of one thing in a minute, with --motion things.",
        ge=1,
        le=1_000_000,
        only_with=("motion", "things"),
    )
    footage_starts: int = setting(
        60,
        "Largest number of starts in a minute of footage; the clearest views are kept, with --motion things.",
        ge=1,
        le=1_000_000,
        only_with=("motion", "things"),
    )
    thing_rest: float = setting(
        1.0,
        "Smallest time between two starts of one thing, with --motion things.",
        unit="seconds",
        ge=0,
        le=1_000,
        only_with=("motion", "things"),
        advanced=True,
    )
    thing_view_change: float = setting(
        0.06,
        "Smallest distance of a view to the earlier starts of the same thing, with --motion things: 0 is the same "
        "outline, 1 another one.",
        ge=0,
        le=1,
        only_with=("motion", "things"),
        advanced=True,
    )
    segment_seconds: float = setting(
        60.0,
        "Length of the segments that a long video is mined in, each by one worker, with --motion things.",
        unit="seconds",
        ge=10,
        le=1_000_000,
        only_with=("motion", "things"),
        advanced=True,
    )
    jpeg_quality: int = setting(
        95, "JPEG quality of crops, with color at full resolution.", ge=1, le=100, advanced=True
    )
    frames: bool = setting(True, "Keep the whole frame of every start.", option=False)
    """Set by `IngestSettings.frames`, which knows more: large graphs stop keeping them."""
    frame_side: int = setting(
        256, "Largest short side of a kept frame.", unit="pixels", ge=32, le=100_000, advanced=True
    )
    frame_quality: int = setting(90, "JPEG quality of kept frames.", ge=1, le=100, advanced=True)

    def __post_init__(self) -> None:
        check(self)
        if self.min_moving > self.max_moving:
            raise invalid("min_moving", self.min_moving, f"at most max-moving, which is {self.max_moving}")
        if self.trajectory_min_moving > self.trajectory_max_moving:
            allowed = f"at most trajectory-max-moving, which is {self.trajectory_max_moving}"
            raise invalid("trajectory_min_moving", self.trajectory_min_moving, allowed)

    @property
    def digest(self) -> str:
        """The value of `Video.mining`: the same for all videos mined with the same settings.

        `frames` is left out: it changes no track, and large graphs stop keeping frames.
        """
        settings = to_stored(self)
        del settings["frames"]
        return _digest("mining", json.dumps(settings, sort_keys=True))


PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"motion": "trajectories", "box_share": 227 / 400, "max_patches": 100},
}
"""Settings of mining that go together, by the name of the preset."""


def with_preset(preset: str | None, given: Mapping[str, Any]) -> MiningSettings:
    """Return the settings of a preset, if one is named, where no other value is given."""
    return MiningSettings(**{**PRESETS.get(preset or "", {}), **given})


@dataclass(frozen=True, kw_only=True)
class ClusterSettings:
    """How starts become parents, children and INTER edges (Sec. 4.2).

    None: chosen by the size of the data (ingest/clustering/defaults.py).
    """

    panel: ClassVar = "Clustering"
    panel_order: ClassVar = 2

    parents: int | None = setting(
        None,
        "Parent clusters that k-means looks for.",
        when_unset="videos / 50, from 8 to 5,000",
        paper="5,000, of which 546 were kept",
        ge=1,
    )
    min_parent_size: int | None = setting(
        None,
        "Starts that a parent cluster needs to be kept; smaller ones give no edges.",
        when_unset="starts / (4 × parents), from 12 to 100",
        paper="100",
        ge=1,
        stored="members",
    )
    neighbors: int | None = setting(
        None,
        "k of the mutual k-nearest-neighbor graph inside a parent; a start is not its own neighbor.",
        when_unset="competing starts of the parent / 3, from 4 to 10",
        paper="10",
        ge=1,
    )
    clique_size: int = setting(
        4,
        "Starts in a child cluster, each among the nearest neighbors of all the others.",
        paper="4",
        ge=2,
        stored="group",
        advanced=True,
    )
    same_video: Literal["representative", "shot", "allow"] = setting(
        "representative",
        "Starts of one video that compete in one parent, so that no edge joins near-identical frames: representative: "
        "one; shot: one of each shot and of each thing; allow: all.",
        paper="not stated",
    )
    take_seconds: float = setting(
        10.0,
        "Smallest time between two competing starts of one shot, with --same-video shot.",
        unit="seconds",
        gt=0,
        le=1_000_000,
        only_with=("same_video", "shot"),
        advanced=True,
    )
    copy_similarity: float = setting(
        0.85,
        "Smallest similarity of the frames around two starts for their videos to be copies, which compete as one.",
        gt=0,
        le=1,
        advanced=True,
    )
    seed: int = setting(0, "Seed of the k-means sample and of the first centroids.", ge=0)
    kmeans_iterations: int = setting(20, "Iterations of k-means.", ge=1, stored="iterations", advanced=True)
    max_points_per_centroid: int = setting(
        64, "Largest number of starts per parent cluster that k-means trains on.", ge=1, stored="points", advanced=True
    )
    whiten: int | None = setting(
        None,
        "Dimensions that PCA whitening leaves of the features; 0: no whitening.",
        when_unset="the extractor's: 0 for hog, 128 for networks",
        paper="not stated, so 0",
        ge=0,
    )

    def __post_init__(self) -> None:
        check(self)
        if self.neighbors is not None and self.neighbors < self.clique_size - 1:
            allowed = f"at least {self.clique_size - 1}, as clique-size is {self.clique_size}"
            raise invalid("neighbors", self.neighbors, allowed)

    @property
    def digest(self) -> str:
        return _digest("cluster", *(f"{name}={value}" for name, value in to_stored(self).items()))


@dataclass(frozen=True, kw_only=True)
class LinkSettings:
    """What `affinity cluster` and `affinity ingest` share."""

    panel: ClassVar = "Run"

    features: str = setting(
        "hog",
        "Extractor of the features that are clustered: hog, trunk:FILE, torchvision:NAME or timm:NAME; hog+ before a "
        "network uses both.",
        paper="pool5 of a context-prediction network; HOG in the ablation",
    )
    weights: Path | None = setting(
        None,
        "File with the weights of a network of torchvision or timm: safetensors, or a torch state dict.",
        when_unset="random weights, from a fixed seed",
    )
    crops: Literal["gray", "color"] | None = setting(
        None,
        "Color of the crops that the extractor sees; gray: each crop at one mean and one contrast.",
        when_unset="gray for networks, color for hog",
        paper="color",
    )
    hold_out: float = setting(
        0.0, "Share of the videos that a first snapshot, for training, leaves out for evaluation.", ge=0, le=0.9
    )
    refit: bool = setting(False, "Compute new centroids instead of using the current ones.")
    workers: int | None = setting(None, "Worker processes.", when_unset="one per core", ge=1)
    engine: Literal["local", "ray"] = setting("local", "Where tasks run: in processes of this machine, or on Ray.")
    address: str | None = setting(
        None, "Address of a running Ray cluster, as HOST:PORT.", when_unset="a new Ray on this machine"
    )

    def __post_init__(self) -> None:
        check(self)

    @property
    def extractor(self) -> ExtractorSpec:
        return ExtractorSpec(features=self.features, weights=self.weights, crops=self.crops)


@dataclass(frozen=True, kw_only=True)
class IngestSettings(LinkSettings):
    """One run of ingest."""

    mining: MiningSettings = field(default_factory=MiningSettings)
    """How videos become tracks."""

    clustering: ClusterSettings = field(default_factory=ClusterSettings)
    """How starts become parents, children and INTER edges."""

    frames: bool | None = setting(
        None, "Keep whole frames beside the crops.", when_unset="on, while the graph has fewer than 100,000 patches"
    )
    link: bool = setting(True, "Cluster and publish a snapshot after mining.")
    remine: bool = setting(False, "Mine videos again that were mined with other settings.")


BESIDE = "hog+"
"""The prefix of a network's name that stands for both: HOG and the network."""


@dataclass(frozen=True, kw_only=True)
class ExtractorSpec:
    """Names an extractor. A worker receives this small object and loads the extractor itself."""

    features: str = "hog"
    """One of KNOWN."""

    weights: Path | None = None
    """File of a network's weights; None: random weights from a fixed seed."""

    crops: Literal["gray", "color"] | None = None
    """Color of the crops that the extractor sees; None: gray for networks, color for hog."""

    @property
    def files(self) -> list[Path]:
        """The files of weights that loading the extractor needs."""
        kind, _, name = self.features.removeprefix(BESIDE).partition(":")
        return [Path(name)] if kind == "trunk" else [self.weights] if self.weights else []

    def as_json(self) -> dict[str, str | None]:
        """A form that `ExtractorSpec.of` reads. Its paths are absolute: a later command may run in another folder."""
        beside, kind, name = self.features.rpartition("trunk:")
        features = f"{beside}{kind}{Path(name).absolute()}" if kind else name
        weights = str(self.weights.absolute()) if self.weights else None
        return {"features": features, "weights": weights, "crops": self.crops}

    @classmethod
    def of(cls, kept: dict[str, Any]) -> ExtractorSpec:
        return cls(**kept | {"weights": Path(kept["weights"]) if kept.get("weights") else None})


def _digest(*parts: str) -> str:
    # Imported here: it imports numpy, and the help of a command has no need of that.
    from graphdb.model import digest

    return digest(*parts)
