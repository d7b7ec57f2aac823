"""What became of a video's frames on their way to tracks, so that an empty result can say why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from ingest.settings import MiningSettings


class Reason(StrEnum):
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
    Reason.SMALL: "min_side",
    Reason.CUT: "track_frames",
    Reason.ENDED: "track_frames",
    Reason.FLAT: "texture",
    Reason.CAMERA: "min_inliers",
    Reason.LITTLE: "min_moving",
    Reason.MUCH: "max_moving",
    Reason.SPARSE: "min_density",
    Reason.SCATTERED: "min_share",
    Reason.TRACKER: "min_response",
    Reason.LEFT: "min_visible",
    Reason.DRIFTED: "min_return",
    Reason.HELD: "min_travel",
    Reason.STOPPED: "min_travel",
}
_OF_TRAJECTORIES = {Reason.LITTLE: "trajectory_min", Reason.MUCH: "trajectory_max", Reason.FLAT: None}


@dataclass
class Funnel:
    """Counts of one video, or of many added up: judged = rejected + candidates, starts = lost + tracks."""

    frames: int = 0
    """Intact frames decoded."""
    corrupt: int = 0
    """Frames that arrived damaged."""
    judged: int = 0
    """Frames that could have been a start: every `stride`-th."""
    rejected: Counter[Reason] = field(default_factory=Counter)
    candidates: int = 0
    """Frames with a moving box."""
    starts: int = 0
    """Candidates that were tracked: those that `gap` and `max_patches` left, and their replacements."""
    lost: Counter[Reason] = field(default_factory=Counter)
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
        bounds = (Reason.CUT, Reason.ENDED)
        within = Counter({reason: count for reason, count in self.rejected.items() if reason not in bounds})
        counted = within or self.rejected
        return _most(counted, counted.total(), "frames", settings)


def _most(losses: Counter[Reason], total: int, noun: str, settings: MiningSettings) -> str:
    reason, count = losses.most_common(1)[0]
    setting = reason.setting(settings.motion)
    named = f" ({setting} is {getattr(settings, setting):g})" if setting else ""
    return f"{count} of {total} {noun}: {reason}{named}"
