"""From a command's options to the settings of an ingest."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from foundation.errors import SettingsError
from ingest.errors import UnknownSetting
from ingest.options import settings_of
from ingest.settings import ClusterSettings, IngestSettings, MiningSettings


def test_no_option_is_the_defaults() -> None:
    assert settings_of({}, []) == IngestSettings()


def test_options_are_the_settings_of_their_names() -> None:
    options: dict[str, object] = {
        "track_frames": 15,
        "members": 9,
        "hold_out": 0.5,
        "frames": False,
        "data": None,
        "paths": [],
    }
    assert settings_of(options, []) == IngestSettings(
        mining=MiningSettings(track_frames=15), clustering=ClusterSettings(members=9), hold_out=0.5, frames=False
    )


def test_any_setting_can_be_assigned() -> None:
    settings = settings_of({}, ["stride=3", "min_speed=0.5", "group=5", "members=none", "same_video=allow"])
    assert (settings.mining.stride, settings.mining.min_speed) == (3, 0.5)
    assert (settings.clustering.group, settings.clustering.members) == (5, None)
    assert settings.clustering.same_video == "allow"


def test_the_default_of_every_setting_can_be_written_out() -> None:
    written = asdict(MiningSettings()) | asdict(ClusterSettings())
    del written["frames"]
    assignments = [f"{name}={'none' if value is None else value}" for name, value in written.items()]
    assert settings_of({}, assignments) == IngestSettings()


@pytest.mark.parametrize(
    ("assignment", "error", "words"),
    [
        ("stride=x", SettingsError, "'x'; it must be a whole number"),
        ("min_speed=fast", SettingsError, "'fast'; it must be a number"),
        ("stride=0", SettingsError, "from 1 to"),
        ("stride", SettingsError, "''; it must be a whole number"),
        ("same_video=maybe", SettingsError, "representative or allow"),
        ("strid=3", UnknownSetting, "no setting 'strid'"),
        ("frames=3", UnknownSetting, "no setting 'frames'"),
    ],
)
def test_what_is_no_setting_is_a_sentence(assignment: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        settings_of({}, [assignment])
