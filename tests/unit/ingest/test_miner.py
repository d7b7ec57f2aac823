from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from foundation.errors import SettingsError
from ingest.errors import UnreadableVideo
from ingest.miner import mine_video
from ingest.model import Box, MinedPatch, MinedVideo
from ingest.rejections import Funnel, Rejection
from ingest.settings import MiningSettings
from ingest.video.crops import crop_jpeg, frame_jpeg
from ingest.video.discovery import video_id
from tests.unit.ingest.clip_files import Image, center, crossing, disc_over, texture, write

SETTINGS = MiningSettings()
FRAMES, RADIUS = 70, 45


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disc that crosses a frame of 320×240, 70 frames at 25 a second."""
    return write(tmp_path_factory.mktemp("clips") / "crossing.mp4", crossing(FRAMES))


@pytest.fixture(scope="module")
def mined(clip: Path) -> MinedVideo:
    return mine_video(clip, SETTINGS)


def balanced(funnel: Funnel) -> bool:
    judged = sum(funnel.rejected.values()) + funnel.candidates
    return funnel.judged == judged and funnel.starts == sum(funnel.lost.values()) + funnel.tracks


def holds_disc(patch: MinedPatch) -> bool:
    x, y = center(patch.frame)
    box = patch.box
    slack = 8
    across = box.x - slack <= x - RADIUS and x + RADIUS <= box.x + box.side + slack
    return across and box.y - slack <= y - RADIUS and y + RADIUS <= box.y + box.side + slack


def test_what_moves_is_found_and_followed(mined: MinedVideo) -> None:
    assert mined.tracks
    for track in mined.tracks:
        assert track.end.frame == track.start.frame + SETTINGS.track_frames
        assert track.end.time - track.start.time == pytest.approx(30 / 25)
        assert holds_disc(track.start) and holds_disc(track.end)
        assert track.start.motion >= SETTINGS.min_density


def test_the_video_is_described_as_measured(mined: MinedVideo, clip: Path) -> None:
    assert (mined.width, mined.height, mined.frames) == (320, 240, FRAMES)
    assert (mined.fps, mined.duration) == pytest.approx((25, FRAMES / 25))
    assert mined.id == video_id(clip) and mined.uri == clip.as_uri()


def test_boxes_lie_in_the_frame_and_measure_227_of_400(mined: MinedVideo) -> None:
    for track in mined.tracks:
        for box in (track.start.box, track.end.box):
            assert box.side == round(240 * 227 / 400)
            assert 0 <= box.x <= 320 - box.side and 0 <= box.y <= 240 - box.side


def test_crops_and_frames_decode(mined: MinedVideo) -> None:
    for track in mined.tracks:
        assert track.frame_jpeg is not None
        sizes = [decoded(jpeg).shape for jpeg in (track.start.jpeg, track.end.jpeg, track.frame_jpeg)]
        assert sizes == [(96, 96, 3), (96, 96, 3), (240, 320, 3)]


def test_the_same_file_gives_the_same_bytes(mined: MinedVideo, clip: Path) -> None:
    assert mine_video(clip, SETTINGS) == mined


def test_decoding_with_threads_changes_nothing(mined: MinedVideo, clip: Path) -> None:
    assert mine_video(clip, SETTINGS, threads=2) == mined


def test_results_travel_between_processes(mined: MinedVideo) -> None:
    assert pickle.loads(pickle.dumps(mined)) == mined


def test_every_frame_is_accounted_for(mined: MinedVideo) -> None:
    assert balanced(mined.funnel)
    assert (mined.funnel.frames, mined.funnel.judged) == (FRAMES, FRAMES // SETTINGS.stride)


def test_starts_keep_their_distance_and_number(clip: Path) -> None:
    near = mine_video(clip, replace(SETTINGS, min_gap=5))
    starts = [track.start.frame for track in near.tracks]
    assert len(starts) > 2 and starts == sorted(starts) and min(np.diff(starts)) >= 5
    few = mine_video(clip, replace(SETTINGS, min_gap=5, max_patches=2))
    assert len(few.tracks) == 2


def test_frames_can_be_left_out(clip: Path) -> None:
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
    assert mined.funnel.rejected[Rejection.CUT] == 12 and balanced(mined.funnel)


def test_a_real_video_is_mined_within_its_shots(bikes: Path) -> None:
    mined = mine_video(bikes, replace(SETTINGS, track_frames=8))
    assert mined.tracks and balanced(mined.funnel)
    bounds = [0, 30, 76, 137, 187, 242, 250]
    for track in mined.tracks:
        assert np.searchsorted(bounds, track.start.frame, "right") == np.searchsorted(bounds, track.end.frame, "right")


def test_a_camera_that_goes_along_with_a_thing_keeps_it(tmp_path: Path) -> None:
    """The thing stays where it is in the picture, and is followed all the same."""
    wide = texture(240, 520)
    images = (disc_over(wide[:, 3 * step : 3 * step + 320], (160, 120)) for step in range(60))
    mined = mine_video(write(tmp_path / "panned.mp4", images), SETTINGS)
    assert mined.tracks and not mined.lost[Rejection.HELD]
    for track in mined.tracks:
        assert (track.end.box.x, track.end.box.y) == pytest.approx((track.start.box.x, track.start.box.y), abs=6)


def test_a_fence_before_a_passing_car_is_no_track(bikes: Path) -> None:
    """The start at frame 150 is a car behind a fence; a tracker that holds on to the fence ends without the car."""
    mined = mine_video(bikes, SETTINGS)
    assert mined.lost[Rejection.HELD] + mined.lost[Rejection.STOPPED] == 2
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
        (still, "2 of 2 frames: too little motion (min_moving is 0.005)"),
        (tiny, "2 of 2 frames: box too small (min-box-side is 96)"),
        (short, "4 of 4 frames: video ended before the track (track_frames is 30)"),
        (picture, "1 of 1 frames: video ended before the track (track_frames is 30)"),
    ],
)
def test_a_video_without_tracks_says_which_setting_did_it(
    tmp_path: Path, make: Callable[[Path], Path], explanation: str
) -> None:
    mined = mine_video(make(tmp_path / "clip.mp4"), SETTINGS)
    assert mined.tracks == [] and balanced(mined.funnel)
    assert mined.funnel.explain(SETTINGS) == explanation


def test_lost_tracks_explain_an_empty_result() -> None:
    funnel = Funnel(frames=100, judged=20, candidates=5, starts=4)
    funnel.lost.update([Rejection.LEFT, Rejection.DRIFTED, Rejection.DRIFTED, Rejection.TRACKER])
    assert funnel.explain(SETTINGS) == "2 of 4 starts: tracker slid off (min-return-iou is 0.5)"


def test_funnels_add_up(mined: MinedVideo) -> None:
    both = mined.funnel + mined.funnel
    assert both.frames == 2 * FRAMES and balanced(both)
    assert both.explain(SETTINGS).startswith(f"{2 * len(mined.tracks)} tracks")


def test_an_unreadable_file_raises(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_text("no video")
    with pytest.raises(UnreadableVideo, match="is no video"):
        mine_video(tmp_path / "clip.mp4", SETTINGS)


def test_crops_keep_color_at_full_resolution() -> None:
    jpeg = crop_jpeg(texture(240, 320), Box(10, 20, 136), SETTINGS)
    assert decoded(jpeg).shape == (96, 96, 3)
    frame = jpeg.index(b"\xff\xc0")
    assert [jpeg[frame + 11 + 3 * component] for component in range(3)] == [0x11] * 3


def test_kept_frames_are_reduced_and_never_enlarged() -> None:
    assert decoded(frame_jpeg(texture(540, 960), SETTINGS)).shape == (256, 455, 3)
    assert decoded(frame_jpeg(texture(100, 150), SETTINGS)).shape == (100, 150, 3)


def decoded(jpeg: bytes) -> Image:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


@pytest.mark.parametrize(
    "change", [{"track_frames": 0}, {"max_moving": 1.5}, {"jpeg_quality": 0}, {"min_moving": 0.5}, {"min_box_side": 8}]
)
def test_settings_name_what_they_reject(change: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(change))):
        MiningSettings(**change)


def test_the_digest_names_the_settings_that_matter() -> None:
    assert replace(SETTINGS, frames=False).digest == SETTINGS.digest
    others = {replace(SETTINGS, min_gap=26).digest, replace(SETTINGS, min_texture=0.1).digest}
    assert len(others | {SETTINGS.digest}) == 3


def test_every_reason_of_a_setting_names_one_that_exists() -> None:
    names = {field.name for field in fields(MiningSettings)}
    used = {reason.setting(motion) for reason in Rejection for motion in ("flow", "trajectories")}
    assert used - {None} <= names
