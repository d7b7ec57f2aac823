"""What became of a video's frames on their way to tracks, so that an empty result can say why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from ingest.settings import MiningSettings


class Rejection(StrEnum):
    """Why a frame gave no start, or a start no track."""

    SMALL = "box too small"
    CUT = "shot cut before the track could end"
    ENDED = "video ended before the track"
    FLAT = "too few corners"
    CAMERA = "camera motion unclear"
    LITTLE = "too little motion"
    MUCH = "too much motion"
    SPARSE = "motion too thin for a box"
    SCATTERED = "motion spread beyond a box"
    TRACKER = "tracker lost"
    LEFT = "left the frame"
    DRIFTED = "tracker slid off"
    HELD = "tracker held on to the background"
    STOPPED = "ended on what stands still"

    def setting(self, motion: str = "flow") -> str | None:
        """The setting that decided, if one did; some are others with another way to tell motion."""
        return _OF_TRAJECTORIES.get(self, _SETTINGS.get(self)) if motion == "trajectories" else _SETTINGS.get(self)


_SETTINGS = {
    Rejection.SMALL: "min_box_side",
    Rejection.CUT: "track_frames",
    Rejection.ENDED: "track_frames",
    Rejection.FLAT: "min_texture",
    Rejection.CAMERA: "min_inliers",
    Rejection.LITTLE: "min_moving",
    Rejection.MUCH: "max_moving",
    Rejection.SPARSE: "min_density",
    Rejection.SCATTERED: "min_coverage",
    Rejection.TRACKER: "min_response",
    Rejection.LEFT: "min_visible",
    Rejection.DRIFTED: "min_return_iou",
    Rejection.HELD: "min_travel",
    Rejection.STOPPED: "min_travel",
}
_OF_TRAJECTORIES = {
    Rejection.LITTLE: "trajectory_min_moving",
    Rejection.MUCH: "trajectory_max_moving",
    Rejection.FLAT: None,
}


@dataclass
class Funnel:
    """Counts of one video, or of many added up: judged = rejected + candidates, starts = lost + tracks."""

    frames: int = 0
    """Intact frames decoded."""
    corrupt: int = 0
    """Frames that arrived damaged."""
    judged: int = 0
    """Frames that could have been a start: every `stride`-th."""
    rejected: Counter[Rejection] = field(default_factory=Counter)
    candidates: int = 0
    """Frames with a moving box."""
    starts: int = 0
    """Candidates that were tracked: those that `min_gap` and `max_patches` left, and their replacements."""
    lost: Counter[Rejection] = field(default_factory=Counter)
    tracks: int = 0

    def __add__(self, other: Funnel) -> Funnel:
        return Funnel(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    def explain(self, settings: MiningSettings) -> str:
        """One clause: how many tracks, or what took most of the frames or starts and the setting behind it."""
        if self.tracks:
            return f"{self.tracks} tracks from {self.starts} starts"
        if not self.judged:
            return "no frame could be decoded"
        if self.starts:
            return _most(self.lost, self.starts, "starts", settings)
        # Every video ends, and most are cut: that explains an empty result only where no frame was left to judge.
        bounds = (Rejection.CUT, Rejection.ENDED)
        within = Counter({reason: count for reason, count in self.rejected.items() if reason not in bounds})
        counted = within or self.rejected
        return _most(counted, counted.total(), "frames", settings)


def _most(losses: Counter[Rejection], total: int, noun: str, settings: MiningSettings) -> str:
    reason, count = losses.most_common(1)[0]
    setting = reason.setting(settings.motion)
    named = f" ({setting.replace('_', '-')} is {getattr(settings, setting):g})" if setting else ""
    return f"{count} of {total} {noun}: {reason}{named}"
