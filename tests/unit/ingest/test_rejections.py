"""Why an empty result is empty."""

from __future__ import annotations

from dataclasses import fields

from ingest.rejections import Funnel, Rejection
from ingest.settings import MiningSettings

SETTINGS = MiningSettings()


def test_the_most_frequent_loss_explains_an_empty_result() -> None:
    funnel = Funnel(frames=100, examined=20, candidates=5, starts=4)
    funnel.lost.update([Rejection.LEFT_FRAME, Rejection.DRIFTED, Rejection.DRIFTED, Rejection.TRACKER_LOST])
    assert funnel.explain(SETTINGS) == "2 of 4 starts: tracker slid off (min_return is 0.5)"


def test_the_setting_of_every_rejection_exists() -> None:
    names = {field.name for field in fields(MiningSettings)}
    used = {rejection.setting(motion) for rejection in Rejection for motion in ("flow", "trajectories")}
    assert used - {None} <= names
