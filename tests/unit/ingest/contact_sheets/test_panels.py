"""The headings of panels."""

from __future__ import annotations

import pytest

from graphdb.model import Location, Patch, ShownTrack, Track
from ingest.contact_sheets.panels import legible_name


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("a%20door.mp4", "a door.mp4"),
        ("Caf%C3%A9.mp4", "Cafe.mp4"),
        ("%E9%96%80.mp4", "video"),
        ("%D0%B4%D0%B2%D0%B5%D1%80%D1%8C.mp4", "video"),
    ],
)
def test_the_video_id_replaces_a_file_name_that_the_font_cannot_draw(name: str, drawn: str) -> None:
    patch = Patch("video-00000000-0-0-96", 0, 0.0, 0, 0, 96, 1.0, Location("shard", 0, 1))
    assert legible_name(ShownTrack(Track(patch, patch, 30, None), f"file:///videos/{name}", 640)) == drawn
