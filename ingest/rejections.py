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
    BRIEF = "seen too briefly"
    SMALL = "too small for a box"
    AT_BORDER = "at the border of the frame"
    LARGE = "larger than a box"
    THIN = "too thin for its box"
    CROWDED = "another thing in the box"
    UNSTEADY = "size not steady"
    SAME_VIEW = "view not changed since the last start"
    NO_END = "no clean view at the end of the track"
    RESIZED = "size changed between start and end"
    DID_NOT_TRAVEL = "did not get away from its place"
    WAVING = "moved to and fro without getting on"
    FIXED_TO_SCREEN = "fixed to the screen"
    SEE_THROUGH = "background visible through it"
    TEXT = "text"
    PLAIN = "too little contrast"
    OTHER_LOOK = "start and end look different"
    TOO_MANY = "more starts in a minute than allowed"

    def setting(self, motion: str = "flow") -> str | None:
        """Return the name of the setting that decided, if there is one; it can depend on the setting `motion`."""
        return (_SETTINGS | _SETTINGS_BY_MOTION.get(motion, {})).get(self)


_SETTINGS: dict[Rejection, str | None] = {
    Rejection.BOX_TOO_SMALL: "min_box_side",
    Rejection.SHOT_CUT: "track_frames",
    Rejection.VIDEO_ENDED: "track_frames",
    Rejection.FEW_CORNERS: "min_texture",
    Rejection.CAMERA_UNCLEAR: "min_inliers",
    Rejection.LITTLE_MOTION: "min_moving",
    Rejection.MUCH_MOTION: "max_moving",
    Rejection.SPARSE_MOTION: "min_density",
    Rejection.SCATTERED_MOTION: "min_coverage",
    Rejection.TRACKER_LOST: "min_response",
    Rejection.LEFT_FRAME: "min_visible",
    Rejection.DRIFTED: "min_return_iou",
    Rejection.BACKGROUND: "min_travel",
    Rejection.STOPPED: "min_travel",
    Rejection.DID_NOT_TRAVEL: "min_travel",
}
_SETTINGS_BY_MOTION: dict[str, dict[Rejection, str | None]] = {
    "trajectories": {
        Rejection.LITTLE_MOTION: "trajectory_min_moving",
        Rejection.MUCH_MOTION: "trajectory_max_moving",
        Rejection.FEW_CORNERS: None,
    },
    "things": {
        Rejection.SHOT_CUT: None,
        Rejection.SMALL: "thing_min_side",
        Rejection.BRIEF: "track_frames",
        Rejection.NO_END: "track_frames",
        Rejection.SAME_VIEW: "thing_view_change",
        Rejection.TOO_MANY: "footage_starts",
    },
}
"""Where motion is found in another way, these settings decide instead."""


@dataclass
class Funnel:
    """Counts of one video, or the sum of many: examined = rejected + candidates, starts = lost + tracks.

    What is examined is a frame; with `motion="things"`, it is a thing, and a candidate is a thing with a clean view.
    """

    frames: int = 0
    """Intact frames that were decoded."""
    corrupt: int = 0
    """Damaged frames, which were left out."""
    examined: int = 0
    """Every `stride`-th frame: a track could start at each of them. Or every thing that moved."""
    rejected: Counter[Rejection] = field(default_factory=Counter)
    candidates: int = 0
    """Examined frames with a moving box."""
    starts: int = 0
    """Candidates that were tracked: those that `min_gap` and `max_patches` allow, and replacements for lost ones."""
    lost: Counter[Rejection] = field(default_factory=Counter)
    tracks: int = 0

    def __add__(self, other: Funnel) -> Funnel:
        return Funnel(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    def explain(self, settings: MiningSettings) -> str:
        """Return one clause: the number of tracks, or the most frequent reason why there is none, and its setting."""
        if self.tracks:
            return f"{self.tracks} tracks from {self.starts} starts"
        if not self.frames:
            return "no frame could be decoded"
        if not self.examined:
            return "nothing moved by itself"
        if self.starts:
            return _most_frequent(self.lost, self.starts, "starts", settings)
        # Every video ends, and most have cuts. This explains an empty result only where nothing else was rejected.
        shot_ends = (Rejection.SHOT_CUT, Rejection.VIDEO_ENDED)
        others = Counter({reason: count for reason, count in self.rejected.items() if reason not in shot_ends})
        counted = others or self.rejected
        return _most_frequent(counted, counted.total(), "things" if settings.motion == "things" else "frames", settings)


def _most_frequent(counts: Counter[Rejection], total: int, noun: str, settings: MiningSettings) -> str:
    reason, count = counts.most_common(1)[0]
    setting = reason.setting(settings.motion)
    suffix = f" ({setting.replace('_', '-')} is {getattr(settings, setting):g})" if setting else ""
    return f"{count} of {total} {noun}: {reason}{suffix}"
