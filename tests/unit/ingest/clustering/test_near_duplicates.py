"""Near-duplicate videos: pairs are found by edges and signatures, and each group has one canonical video."""

from __future__ import annotations

from pathlib import Path

from ingest.clustering.near_duplicates import canonical_among, canonical_videos, find_copies, similar_frames
from ingest.video.signatures import frame_signature, save_signatures
from tests.unit.ingest.video.test_signatures import CUP, MIN_SIMILARITY, PERSON


def test_edges_between_similar_frames_give_pairs_of_videos(tmp_path: Path) -> None:
    for video, image in {"b": PERSON, "a": PERSON, "c": CUP}.items():
        save_signatures(tmp_path, video, {7: frame_signature(image)})
    starts = {video: f"{video}-00000007-0-0-96" for video in "abcd"}
    edges = [(starts[one], starts[other], 0.9) for one, other in ("ba", "ac", "bc", "ad")]
    assert find_copies(similar_frames(tmp_path, edges, MIN_SIMILARITY)) == [("a", "b", 1.0)]


def test_the_canonical_video_is_the_lowest_of_all_that_are_connected() -> None:
    found = [("b", "d", 0.9), ("c", "d", 0.9), ("e", "f", 0.9), ("a", "c", 0.9)]
    assert canonical_videos(found) == {"b": "a", "c": "a", "d": "a", "f": "e"}
    assert canonical_videos(reversed(found)) == canonical_videos(found)


def test_among_some_videos_the_canonical_one_is_the_lowest_of_them() -> None:
    assert canonical_among({"b": "a", "c": "a", "f": "e"}, ["c", "b", "f", "x"]) == {"c": "b"}
