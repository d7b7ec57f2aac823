"""Mining of small videos: tracks, their counts, and empty results."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from foundation.errors import SettingsError
from ingest.errors import UnreadableVideo
from ingest.miner import mine_video, mining_tasks
from ingest.model import MinedPatch, MinedVideo
from ingest.rejections import Funnel, Rejection
from ingest.settings import MiningSettings
from ingest.video.crops import decode_jpeg
from ingest.video.discovery import video_id
from tests.unit.ingest.clip_files import Image, center, crossing, disc_over, texture, write

SETTINGS = MiningSettings()

FRAMES, RADIUS = 70, 45


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disc that crosses a frame of 320×240 pixels in 70 frames, 25 a second."""
    return write(tmp_path_factory.mktemp("clips") / "crossing.mp4", crossing(FRAMES))


@pytest.fixture(scope="module")
def mined(clip: Path) -> MinedVideo:
    return mine_video(clip, SETTINGS)


def is_balanced(funnel: Funnel) -> bool:
    examined = sum(funnel.rejected.values()) + funnel.candidates
    return funnel.examined == examined and funnel.starts == sum(funnel.lost.values()) + funnel.tracks


def holds_disc(patch: MinedPatch) -> bool:
    x, y = center(patch.frame)
    box = patch.box
    slack = 8
    across = box.x - slack <= x - RADIUS and x + RADIUS <= box.x + box.side + slack
    return across and box.y - slack <= y - RADIUS and y + RADIUS <= box.y + box.side + slack


def test_a_moving_disc_is_found_and_tracked(mined: MinedVideo) -> None:
    assert mined.tracks
    for track in mined.tracks:
        assert track.end.frame == track.start.frame + SETTINGS.track_frames
        assert track.end.time - track.start.time == pytest.approx(30 / 25)
        assert holds_disc(track.start) and holds_disc(track.end)
        assert track.start.motion >= SETTINGS.min_density


def test_segments_join_to_one_video_with_things_and_shots_numbered_on(tmp_path: Path) -> None:
    path = write(tmp_path / "long.mp4", crossings(4), options={"g": "25", "crf": "18", "preset": "veryfast"})
    settings = MiningSettings(motion="things", segment_seconds=10)
    cut = replace(settings, thing_rest=0.5)
    whole, parts = (mine_video(path, replace(cut, segment_seconds=seconds)) for seconds in (1000, 10))
    assert len(mining_tasks(path, cut)) > 1
    assert (parts.frames, parts.duration, parts.fps) == (whole.frames, whole.duration, whole.fps)
    assert {track.shot for track in parts.tracks} == {track.shot for track in whole.tracks} == {0}
    assert len(parts.tracks) >= 0.8 * len(whole.tracks) > 0
    numbers = [track.thing for track in parts.tracks]
    assert set(numbers) == set(range(len(set(numbers))))
    assert [track.start.frame for track in parts.tracks] == sorted(track.start.frame for track in parts.tracks)


def crossings(count: int) -> Iterator[Image]:
    """A disc crosses the frame several times, before one background."""
    return chain.from_iterable(crossing(150, step=(1.2, 0.3)) for _ in range(count))


def test_size_rate_and_duration_are_measured(mined: MinedVideo, clip: Path) -> None:
    assert (mined.width, mined.height, mined.frames) == (320, 240, FRAMES)
    assert (mined.fps, mined.duration) == pytest.approx((25, FRAMES / 25))
    assert mined.id == video_id(clip) and mined.uri == clip.as_uri()


def test_boxes_lie_in_the_frame_and_have_227_of_400_pixels(mined: MinedVideo) -> None:
    for track in mined.tracks:
        for box in (track.start.box, track.end.box):
            assert box.side == round(240 * 227 / 400)
            assert 0 <= box.x <= 320 - box.side and 0 <= box.y <= 240 - box.side


def test_crops_and_frames_decode(mined: MinedVideo) -> None:
    for track in mined.tracks:
        assert track.frame_jpeg is not None
        sizes = [decode_jpeg(jpeg).shape for jpeg in (track.start.jpeg, track.end.jpeg, track.frame_jpeg)]
        assert sizes == [(96, 96, 3), (96, 96, 3), (240, 320, 3)]


def test_the_same_file_gives_the_same_bytes(mined: MinedVideo, clip: Path) -> None:
    assert mine_video(clip, SETTINGS) == mined


def test_decoding_threads_do_not_change_the_result(mined: MinedVideo, clip: Path) -> None:
    assert mine_video(clip, SETTINGS, threads=2) == mined


def test_results_can_be_pickled(mined: MinedVideo) -> None:
    assert pickle.loads(pickle.dumps(mined)) == mined


def test_every_examined_frame_is_counted_once(mined: MinedVideo) -> None:
    assert is_balanced(mined.funnel)
    assert (mined.funnel.frames, mined.funnel.examined) == (FRAMES, FRAMES // SETTINGS.stride)


def test_starts_respect_gap_and_max_patches(clip: Path) -> None:
    near = mine_video(clip, replace(SETTINGS, min_gap=5))
    starts = [track.start.frame for track in near.tracks]
    assert len(starts) > 2 and starts == sorted(starts) and min(np.diff(starts)) >= 5
    few = mine_video(clip, replace(SETTINGS, min_gap=5, max_patches=2))
    assert len(few.tracks) == 2


def test_whole_frames_are_optional(clip: Path) -> None:
    assert all(track.frame_jpeg is None for track in mine_video(clip, replace(SETTINGS, frames=False)).tracks)


def test_no_track_crosses_a_cut(tmp_path: Path) -> None:
    def shots() -> Iterator[Image]:
        yield from crossing(40, seed=0)
        yield from crossing(40, seed=1)
        yield from crossing(20, seed=2)

    mined = mine_video(write(tmp_path / "cut.mp4", shots()), SETTINGS)
    assert mined.tracks
    for track in mined.tracks:
        assert track.start.frame // 40 == track.end.frame // 40
    assert mined.funnel.rejected[Rejection.SHOT_CUT] == 12 and is_balanced(mined.funnel)


def test_no_track_of_a_real_video_crosses_a_cut(bikes: Path) -> None:
    mined = mine_video(bikes, replace(SETTINGS, track_frames=8))
    assert mined.tracks and is_balanced(mined.funnel)
    bounds = [0, 30, 76, 137, 187, 242, 250]
    for track in mined.tracks:
        assert np.searchsorted(bounds, track.start.frame, "right") == np.searchsorted(bounds, track.end.frame, "right")


def test_an_object_that_the_camera_follows_is_tracked(tmp_path: Path) -> None:
    """The object stays at one place in the picture, and moves before the background."""
    wide = texture(240, 520)
    images = (disc_over(wide[:, 3 * step : 3 * step + 320], (160, 120)) for step in range(60))
    mined = mine_video(write(tmp_path / "panned.mp4", images), SETTINGS)
    assert mined.tracks and not mined.lost[Rejection.BACKGROUND]
    for track in mined.tracks:
        assert (track.end.box.x, track.end.box.y) == pytest.approx((track.start.box.x, track.start.box.y), abs=6)


def test_a_fence_in_front_of_a_passing_car_is_not_tracked(bikes: Path) -> None:
    """At frame 150 a car passes behind a fence. A tracker that stays on the fence ends without the car."""
    mined = mine_video(bikes, SETTINGS)
    assert mined.lost[Rejection.BACKGROUND] + mined.lost[Rejection.STOPPED] == 2
    assert 150 not in [track.start.frame for track in mined.tracks]


def still(path: Path) -> Path:
    return write(path, [texture(240, 320)] * 40)


def tiny(path: Path) -> Path:
    return write(path, crossing(40, 16, 16))


def short(path: Path) -> Path:
    return write(path, crossing(20))


def picture(path: Path) -> Path:
    cv2.imwrite(str(path.with_suffix(".png")), texture(240, 320))
    return path.with_suffix(".png").rename(path)


@pytest.mark.parametrize(
    ("make", "explanation"),
    [
        (still, "2 of 2 frames: too little motion (min-moving is 0.005)"),
        (tiny, "2 of 2 frames: box too small (min-box-side is 96)"),
        (short, "4 of 4 frames: video ended before the track (track-frames is 30)"),
        (picture, "1 of 1 frames: video ended before the track (track-frames is 30)"),
    ],
)
def test_an_empty_result_is_explained_by_its_setting(
    tmp_path: Path, make: Callable[[Path], Path], explanation: str
) -> None:
    mined = mine_video(make(tmp_path / "clip.mp4"), SETTINGS)
    assert mined.tracks == [] and is_balanced(mined.funnel)
    assert mined.funnel.explain(SETTINGS) == explanation


def test_funnels_can_be_added(mined: MinedVideo) -> None:
    both = mined.funnel + mined.funnel
    assert both.frames == 2 * FRAMES and is_balanced(both)
    assert both.explain(SETTINGS).startswith(f"{2 * len(mined.tracks)} tracks")


def test_an_unreadable_file_raises(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_text("no video")
    with pytest.raises(UnreadableVideo, match="is no video"):
        mine_video(tmp_path / "clip.mp4", SETTINGS)


@pytest.mark.parametrize(
    "change", [{"track_frames": 0}, {"max_moving": 1.5}, {"jpeg_quality": 0}, {"min_moving": 0.5}, {"min_box_side": 8}]
)
def test_a_refused_value_is_named_with_its_setting(change: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(change)).replace("_", "-")):
        MiningSettings(**change)


def test_the_digest_depends_on_the_settings_that_change_tracks() -> None:
    assert replace(SETTINGS, frames=False).digest == SETTINGS.digest
    others = {replace(SETTINGS, min_gap=26).digest, replace(SETTINGS, min_texture=0.1).digest}
    assert len(others | {SETTINGS.digest}) == 3
