"""What is said of the yield of mining."""

from __future__ import annotations

from ingest.rejections import Funnel, Rejection
from ingest.reporting.mining_yield import yield_text
from ingest.settings import MiningSettings

THINGS = MiningSettings(motion="things")


def funnel(tracks: int, **lost: int) -> Funnel:
    found = Funnel(frames=1000, tracks=tracks)
    found.lost.update({Rejection[name]: count for name, count in lost.items()})
    return found


def test_tracks_a_minute_and_the_three_most_frequent_losses_are_named() -> None:
    text = yield_text(2.0, funnel(20, NO_END=5, CROWDED=4, SMALL=3, TEXT=1), THINGS)
    assert text == (
        "2.0 minutes of footage, 10.0 tracks a minute. Most often lost: no clean view at the end of the track (5), "
        "another thing in the box (4), too small for a box (3)."
    )


def test_a_low_yield_names_the_option_that_decided_most_often() -> None:
    text = yield_text(2.0, funnel(1, CROWDED=9, SMALL=4, NO_END=3), THINGS)
    assert text.endswith("For more tracks, lower --thing-min-side, which is 64.")


def test_a_limit_is_raised() -> None:
    text = yield_text(1.0, funnel(1, MUCH_MOTION=9), MiningSettings())
    assert text.endswith("For more tracks, raise --max-moving, which is 0.35.")
