"""Why frames gave no candidate and candidates no track, counted, so that an empty result can be explained."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from ingest.settings import MiningSettings


class Rejection(StrEnum):
    """Why a frame gave no candidate, or a candidate no track."""

    BOX_TOO_SMALL = "box too small"
    SHOT_CUT = "shot cut before the track could end"
    VIDEO_ENDED = "video ended before the track"
    FEW_CORNERS = "too few corners"
    CAMERA_UNCLEAR = "camera motion unclear"
    LITTLE_MOTION = "too little motion"
    MUCH_MOTION = "too much motion"
    SPARSE_MOTION = "motion too thin for a box"
    SCATTERED_MOTION = "motion spread beyond a box"
    TRACKER_LOST = "tracker lost"
    LEFT_FRAME = "left the frame"
    DRIFTED = "tracker slid off"
    BACKGROUND = "tracker held on to the background"
    STOPPED = "ended on what stands still"

    def setting(self, motion: str = "flow") -> str | None:
        """Return the name of the setting that decided, if there is one; it can depend on the setting `motion`."""
        settings = _SETTINGS | _TRAJECTORY_SETTINGS if motion == "trajectories" else _SETTINGS
        return settings.get(self)


_SETTINGS: dict[Rejection, str | None] = {
    Rejection.BOX_TOO_SMALL: "min_side",
    Rejection.SHOT_CUT: "track_frames",
    Rejection.VIDEO_ENDED: "track_frames",
    Rejection.FEW_CORNERS: "texture",
    Rejection.CAMERA_UNCLEAR: "min_inliers",
    Rejection.LITTLE_MOTION: "min_moving",
    Rejection.MUCH_MOTION: "max_moving",
    Rejection.SPARSE_MOTION: "min_density",
    Rejection.SCATTERED_MOTION: "min_share",
    Rejection.TRACKER_LOST: "min_response",
    Rejection.LEFT_FRAME: "min_visible",
    Rejection.DRIFTED: "min_return",
    Rejection.BACKGROUND: "min_travel",
    Rejection.STOPPED: "min_travel",
}
_TRAJECTORY_SETTINGS: dict[Rejection, str | None] = {
    Rejection.LITTLE_MOTION: "trajectory_min",
    Rejection.MUCH_MOTION: "trajectory_max",
    Rejection.FEW_CORNERS: None,
}
"""Where motion is found by trajectories, these settings decide instead."""


@dataclass
class Funnel:
    """Counts of one video, or the sum of many: examined = rejected + candidates, starts = lost + tracks."""

    frames: int = 0
    """Intact frames that were decoded."""
    corrupt: int = 0
    """Damaged frames, which were left out."""
    examined: int = 0
    """Every `stride`-th frame: a track could start at each of them."""
    rejected: Counter[Rejection] = field(default_factory=Counter)
    candidates: int = 0
    """Examined frames with a moving box."""
    starts: int = 0
    """Candidates that were tracked: those that `gap` and `max_patches` allow, and replacements for lost ones."""
    lost: Counter[Rejection] = field(default_factory=Counter)
    tracks: int = 0

    def __add__(self, other: Funnel) -> Funnel:
        return Funnel(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    def explain(self, settings: MiningSettings) -> str:
        """Return one clause: the number of tracks, or the most frequent reason why there is none, and its setting."""
        if self.tracks:
            return f"{self.tracks} tracks from {self.starts} starts"
        if not self.examined:
            return "no frame could be decoded"
        if self.starts:
            return _most_frequent(self.lost, self.starts, "starts", settings)
        # Every video ends, and most have cuts. This explains an empty result only where nothing else was rejected.
        shot_ends = (Rejection.SHOT_CUT, Rejection.VIDEO_ENDED)
        others = Counter({reason: count for reason, count in self.rejected.items() if reason not in shot_ends})
        counted = others or self.rejected
        return _most_frequent(counted, counted.total(), "frames", settings)


def _most_frequent(counts: Counter[Rejection], total: int, noun: str, settings: MiningSettings) -> str:
    reason, count = counts.most_common(1)[0]
    setting = reason.setting(settings.motion)
    suffix = f" ({setting} is {getattr(settings, setting):g})" if setting else ""
    return f"{count} of {total} {noun}: {reason}{suffix}"
