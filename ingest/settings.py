"""What can be set about ingest; each setting says what it means and what the paper used."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from graphdb.model import digest
from ingest.errors import SettingsError


@dataclass(frozen=True, kw_only=True)
class MiningSettings:
    """How a video becomes tracks (Sec. 4.1, 4.3). Work pixels are those of the small frame that motion is seen in."""

    track_frames: int = 30
    """Frames from the start of a track to its end. Paper: 30; 15 in the ablation."""

    crop: int = 96
    """Side of a stored crop, pixels. Paper: 96."""

    box_share: float = 227 / 400
    """Side of a box as a share of the frame's short side. Paper: 227 pixels of about 600×400."""

    min_side: int = 96
    """Smallest box, pixels of the frame: below `crop`, crops would be enlarged. The paper does not say."""

    stride: int = 5
    """Every how many frames a start is looked for. The paper does not say."""

    max_patches: int = 8
    """Starts of one video at most, the strongest first. Paper: about 100 (10 M patches of 100 K videos)."""

    gap: int = 25
    """Frames between two starts of a video at least. The paper does not say."""

    motion: Literal["flow", "trajectories"] = "flow"
    """How motion is told: dense flow against the camera's, or the paper's recipe of followed feature points."""

    width: int = 320
    """Long side of the frame that motion is computed on, work pixels; smaller videos are not enlarged."""

    pair_seconds: float = 0.08
    """Time between the frames that are compared: long enough to skip duplicated ones and to see slow things move."""

    point_step: int = 2
    """Distance of the points whose motion is judged, work pixels. Paper: feature points of dense trajectories."""

    texture: float = 0.003
    """Corner strength of a point at least, as a share of the frame's 99th percentile: flat regions have no flow."""

    camera_distance: float = 1.0
    """How near a corner must come to where the camera's homography puts it to count as following it, work pixels."""

    round_trip: float = 0.5
    """How near to where it was flow there and back must take a point, work pixels (and a little more on long ways)."""

    same_direction: float = 0.5
    """Cosine between the two motions that three frames show of a point at least: what moves goes on moving."""

    min_speed: float = 0.04
    """Speed of a moving point at least, camera motion taken out, in long sides of the frame a second."""

    min_shift: float = 0.4
    """Shift of a moving point between compared frames at least, work pixels: less is noise of the flow."""

    min_inliers: float = 0.3
    """Share of corners that must follow one homography, else the camera's motion is unknown."""

    min_moving: float = 0.005
    """Share of points that move at least. Paper: frames with too little motion are dropped, thresholds not given."""

    max_moving: float = 0.35
    """Share of points that move at most. Paper: frames with too much motion are dropped, thresholds not given."""

    min_density: float = 0.05
    """Share of the box's points that move at least."""

    min_share: float = 0.3
    """Share of all moving points that lie in the box at least."""

    trajectory_frames: int = 15
    """With `trajectories`: frames over which a point is followed. Paper: 15, as improved dense trajectories."""

    trajectory_speed: float = 0.5
    """With `trajectories`: motion of a moving point at least, camera motion taken out, pixels a frame on average of a
    frame 600 pixels long. Paper: 0.5."""

    trajectory_min: float = 0.25
    """With `trajectories`: share of the points that move at least. Paper's predecessor: 0.25."""

    trajectory_max: float = 0.75
    """With `trajectories`: share of the points that move at most. Paper's predecessor: 0.75."""

    cut_difference: float = 10.0
    """Mean change between two frames at a cut at least, gray levels of 255."""

    cut_ratio: float = 2.5
    """How many times the change between the frames just before a cut is exceeded at least."""

    cut_correlation: float = 0.8
    """Correlation of the two frames at a cut at most; a change of exposure leaves it high."""

    track_side: int = 180
    """Short side of the frame that the tracker sees at most, pixels; larger ones track no better."""

    min_region: float = 0.5
    """Side of the tracked region at least, as a share of the box: the moving part, and enough around it."""

    region_side: int = 32
    """Side that the tracked region is reduced to, pixels: tracking slows with its area, and gains nothing from more."""

    min_response: float = 0.2
    """Peak of the tracker's response at least, of 1; below it the track is lost. OpenCV's own is 0.5."""

    min_visible: float = 0.8
    """Share of the tracked region that stays inside the frame at least."""

    min_return: float = 0.5
    """Overlap (IoU) of the tracked region with where tracking back from the end leads, at least."""

    min_travel: float = 0.45
    """How far from where the camera took it the tracked region must get at some time, as a share of the way that
    `min_speed` makes, and a third of that in the last third: what only the camera moves is not what moved, but a fence
    or a pole before it, or the wall behind it."""

    attempts: int = 2
    """Rounds of tracking: candidates take the places of starts whose tracks were lost in the round before."""

    jpeg_quality: int = 95
    """JPEG quality of crops; color is kept at full resolution."""

    frames: bool = True
    """Keep the whole frame of every start."""

    frame_side: int = 256
    """Short side of a kept frame at most, pixels."""

    frame_quality: int = 90
    """JPEG quality of kept frames."""

    def __post_init__(self) -> None:
        limits: dict[str, tuple[float, float]] = {
            **dict.fromkeys(
                ("track_frames", "stride", "max_patches", "gap", "point_step", "attempts", "trajectory_frames"),
                (1, 1_000_000),
            ),
            **dict.fromkeys(("crop", "min_side", "track_side", "frame_side"), (32, 100_000)),
            **dict.fromkeys(("box_share", "texture", "min_inliers", "min_moving", "max_moving"), (0, 1)),
            **dict.fromkeys(
                ("min_density", "min_share", "min_region", "min_response", "min_visible", "min_return", "min_travel"),
                (0, 1),
            ),
            **dict.fromkeys(("trajectory_min", "trajectory_max"), (0, 1)),
            **dict.fromkeys(
                ("pair_seconds", "min_speed", "min_shift", "camera_distance", "round_trip", "trajectory_speed"),
                (0, 1_000),
            ),
            **dict.fromkeys(("cut_difference", "cut_ratio"), (0, 1_000)),
            **dict.fromkeys(("same_direction", "cut_correlation"), (-1, 1)),
            **dict.fromkeys(("jpeg_quality", "frame_quality"), (1, 100)),
            "width": (64, 100_000),
            "region_side": (16, 1_000),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise SettingsError(name, value, f"from {low} to {high}")
        if self.min_moving > self.max_moving:
            raise SettingsError("min_moving", self.min_moving, f"at most max_moving ({self.max_moving})")
        if self.trajectory_min > self.trajectory_max:
            limit = f"at most trajectory_max ({self.trajectory_max})"
            raise SettingsError("trajectory_min", self.trajectory_min, limit)
        if self.motion not in ("flow", "trajectories"):
            raise SettingsError("motion", self.motion, "flow or trajectories")

    @property
    def digest(self) -> str:
        """What `Video.mining` holds: videos mined with the same settings carry the same.

        Whether whole frames are kept is left out: it changes no track, and large graphs stop keeping them.
        """
        settings = asdict(self)
        del settings["frames"]
        return digest("mining", json.dumps(settings, sort_keys=True))


@dataclass(frozen=True, kw_only=True)
class ClusterSettings:
    """How starts become parents, children and INTER edges (Sec. 4.2).

    None: chosen for the size of the data (ingest/clustering/defaults.py).
    """

    parents: int | None = None
    """Parent clusters that k-means looks for. Paper: 5000, of which 546 were kept."""

    members: int | None = None
    """Starts that a parent needs to be kept; smaller ones give no edges. Paper: 100."""

    neighbors: int | None = None
    """k of the mutual k-nearest-neighbor graph inside a parent, self not counted. Paper: 10."""

    group: int = 4
    """Starts in a child cluster, all among each other's nearest neighbors. Paper: 4."""

    same_video: Literal["representative", "allow"] = "representative"
    """`representative`: inside a parent each video competes with its lowest start id only, so an edge never
    joins near-identical frames. `allow` is the literal paper, which says nothing of videos."""

    copy_similarity: float = 0.85
    """How alike the frames around two starts are at least, of 1, for their videos to be copies of one footage, which
    compete as one. The paper does not say."""

    seed: int = 0
    """Seeds the k-means sample and its start."""

    iterations: int = 20
    """k-means iterations. The paper does not say."""

    points: int = 64
    """Starts a parent cluster that k-means trains on, at most. The paper does not say."""

    whiten: int | None = None
    """Dimensions that features are PCA-whitened to before they are compared; 0 compares them as they are, as the paper
    does. None: what the extractor asks for, 0 for hog and 128 for networks."""

    def __post_init__(self) -> None:
        limits = {"parents": 1, "members": 1, "group": 2, "iterations": 1, "points": 1, "seed": 0, "whiten": 0}
        for name, least in limits.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise SettingsError(name, value, f"{least} or more")
        if not 0 < self.copy_similarity <= 1:
            raise SettingsError("copy_similarity", self.copy_similarity, "above 0, to 1")
        if self.neighbors is not None and self.neighbors < self.group - 1:
            raise SettingsError("neighbors", self.neighbors, f"{self.group - 1} or more, as a group has {self.group}")
        if self.same_video not in ("representative", "allow"):
            raise SettingsError("same_video", self.same_video, "representative or allow")

    @property
    def digest(self) -> str:
        return digest("cluster", *(f"{name}={value}" for name, value in asdict(self).items()))


@dataclass(frozen=True, kw_only=True)
class IngestSettings:
    """One run of ingest."""

    mining: MiningSettings = MiningSettings()
    """How videos become tracks."""

    clustering: ClusterSettings = ClusterSettings()
    """How starts become parents, children and INTER edges."""

    features: str = "hog"
    """The extractor that clustering compares by. Paper: pool5 of a context-prediction network; HOG in the ablation."""

    weights: Path | None = None
    """Weights of a network that is asked for by name. None: random ones."""

    crops: Literal["gray", "color"] | None = None
    """What the extractor sees. None: gray crops of one contrast for networks, color for hog. Paper: color."""

    hold_out: float = 0.0
    """Fraction of the videos kept out of a first snapshot, so that training on it never sees them."""

    frames: bool | None = None
    """Keep whole frames. None: as long as the graph is small."""

    link: bool = True
    """Cluster, link and publish after mining."""

    remine: bool = False
    """Mine videos again that were mined with other settings."""

    refit: bool = False
    """Make new centroids instead of using those in force."""

    workers: int | None = None
    """Worker processes. None: one a core."""

    engine: Literal["local", "ray"] = "local"
    """Where the work is done: by processes of this machine, or by Ray."""

    address: str | None = None
    """Of a running Ray cluster, as host:port. None: a Ray of our own on this machine."""

    @property
    def extractor(self) -> ExtractorSpec:
        return ExtractorSpec(features=self.features, weights=self.weights, crops=self.crops)


BESIDE = "hog+"
"""Before the name of a network: HOG and the network side by side."""


@dataclass(frozen=True, kw_only=True)
class ExtractorSpec:
    """An extractor as it was asked for: small, so that a worker that is handed it loads its own."""

    features: str = "hog"
    """One of KNOWN."""

    weights: Path | None = None
    """File of a network's weights; None: random ones, from a fixed seed."""

    crops: Literal["gray", "color"] | None = None
    """What the extractor sees; None: gray crops for networks, color for hog."""

    @property
    def files(self) -> list[Path]:
        """The files of weights that whoever loads it must see."""
        kind, _, name = self.features.removeprefix(BESIDE).partition(":")
        return [Path(name)] if kind == "trunk" else [self.weights] if self.weights else []

    def as_json(self) -> dict[str, str | None]:
        """What `Recipe.of` makes one of again, wherever a later command stands."""
        beside, kind, name = self.features.rpartition("trunk:")
        features = f"{beside}{kind}{Path(name).absolute()}" if kind else name
        weights = str(self.weights.absolute()) if self.weights else None
        return {"features": features, "weights": weights, "crops": self.crops}

    @classmethod
    def of(cls, kept: dict[str, Any]) -> ExtractorSpec:
        return cls(**kept | {"weights": Path(kept["weights"]) if kept.get("weights") else None})
