"""Which starts of a video compete in a parent, with `same_video` "shot"."""

from __future__ import annotations

from graphdb.model import Take, start_id
from ingest.clustering.competition import Footage, RepeatedShot

SECONDS = 10.0


def start(video: str, frame: int) -> str:
    return start_id(video, frame, 0, 0, 96)


def competing(footage: Footage) -> list[str]:
    return list(footage.competing(sorted(footage.takes), SECONDS))


def takes(video: str, *known: tuple[int, int | None, float]) -> dict[str, Take]:
    """Return the takes of starts at frames 0, 1, 2 …: shot, thing and time of each."""
    return {start(video, frame): Take(*take) for frame, take in enumerate(known)}


def test_one_start_of_each_shot_competes() -> None:
    found = competing(Footage(takes=takes("a", (0, 0, 0.0), (0, 1, 2.0), (50, 2, 4.0), (90, 3, 6.0), (90, 4, 6.5))))
    assert found == [start("a", 0), start("a", 2), start("a", 3)]


def test_a_long_shot_gives_a_start_every_ten_seconds() -> None:
    found = competing(Footage(takes=takes("a", *((0, thing, 4.0 * thing) for thing in range(8)))))
    assert found == [start("a", frame) for frame in (0, 3, 6)]


def test_a_thing_competes_once_however_long_it_is_seen() -> None:
    found = competing(Footage(takes=takes("a", (0, 7, 0.0), (0, 7, 30.0), (0, None, 60.0), (0, None, 90.0))))
    assert found == [start("a", frame) for frame in (0, 2, 3)]


def test_shots_that_show_the_same_view_are_one_shot() -> None:
    known = takes("a", (0, 0, 0.0), (30, 1, 1.0), (60, 2, 2.0), (90, 3, 12.0))
    repeated = frozenset({RepeatedShot("a", 0, 60), RepeatedShot("a", 60, 90)})
    assert competing(Footage(takes=known, repeated=repeated)) == [start("a", frame) for frame in (0, 1, 3)]


def test_a_video_that_repeats_another_gives_no_start() -> None:
    known = takes("a", (0, 0, 0.0), (30, 1, 1.0)) | takes("b", (0, 0, 0.0), (30, 1, 1.0))
    assert competing(Footage(canonical={"b": "a"}, takes=known)) == [start("a", 0), start("a", 1)]


def test_a_video_without_known_shots_competes_once() -> None:
    starts = [start("old", frame) for frame in range(3)]
    assert list(Footage().competing(starts, SECONDS)) == starts[:1]


def test_pairs_of_starts_give_the_shots_that_they_come_from() -> None:
    footage = Footage(takes=takes("a", (60, 0, 2.0), (0, 1, 0.0), (60, 2, 2.5)))
    pairs = [(start("a", 0), start("a", 1)), (start("a", 0), start("a", 2))]
    assert footage.shots_of(pairs) == {RepeatedShot("a", 0, 60)}
