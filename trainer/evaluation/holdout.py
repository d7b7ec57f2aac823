"""Videos kept out of training, so that something is left to measure on. Their id alone decides, as in ingest."""

from __future__ import annotations


def is_held_out(patch_id: str, fraction: float) -> bool:
    """Whether the patch's video is among the held-out `fraction`.

    A video's id, the part of a patch's id before its first `-`, is 16 hex digits of a hash of its file: as a number
    it is below `fraction` of the largest for that share of all videos, whatever else the graph holds.
    """
    return int(patch_id.partition("-")[0], 16) < fraction * 2**64
