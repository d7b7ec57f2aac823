"""Convert between the rows of the Neo4j driver and the values of `model.py`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from sys import intern
from typing import Any

import numpy as np

from graphdb.model import (
    Counts,
    Frames,
    Integers,
    Location,
    Patch,
    Patches,
    ShownTrack,
    Snapshot,
    Texts,
    Track,
    frame_id,
    video_of,
)

Row = dict[str, Any]

Kind = tuple[str, ...]
"""The labels of a node, or the type of a relationship."""
Entity = tuple[Kind, Sequence[str], Row]
"""A node with its id, or a relationship with the ids of its two nodes; and the properties."""
PropertyTypes = tuple[Kind, str, Sequence[str]]
"""A property of a kind, and the types of its values."""


def track_row(track: Track) -> Row:
    frame = None
    if track.frame:
        video = video_of(track.start.id)
        frame = {"id": frame_id(video, track.start.frame), "time": track.start.time, **track.frame._asdict()}
    return {
        "start": patch_row(track.start),
        "end": patch_row(track.end),
        "frames": track.frames,
        "frame": frame,
    }


def patch_row(patch: Patch) -> Row:
    """Return a patch as flat properties: a node in Neo4j cannot hold a map."""
    row: Row = asdict(patch)
    row.update(row.pop("location")._asdict())
    return row


def patch_of(node: Mapping[str, Any]) -> Patch:
    names = ("id", "frame", "time", "x", "y", "side", "motion")
    values = {name: node[name] for name in names}
    return Patch(location=location(node), **values, shot=node.get("shot"), thing=node.get("thing"))


def shown_track(row: Mapping[str, Any]) -> ShownTrack:
    frame = location(row["frame"]) if row["frame"] else None
    track = Track(patch_of(row["start"]), patch_of(row["end"]), row["frames"], frame)
    return ShownTrack(track, row["uri"], row["width"])


def location(row: Mapping[str, Any]) -> Location:
    return Location(row["shard"], row["offset"], row["size"])


def snapshot_of(properties: Mapping[str, Any]) -> Snapshot:
    return Snapshot(
        id=properties["id"],
        created=properties["created"].iso_format(),
        published=properties["published"].iso_format(),
        fit=properties.get("fit"),
        frames=properties["frames"],
        settings=json.loads(properties["settings"]),
        counts=Counts(**{name: properties[name] for name in Counts.__dataclass_fields__}),
        recipe=json.loads(properties["recipe"]) if properties.get("recipe") else None,
    )


def key_positions(positions: Sequence[int], count: int, kind: str) -> Integers:
    """Return the position of each row's key among the `count` keys of the query: `collect` promises no order.

    Raises KeyError if a key has no row.
    """
    if len(positions) != count:
        raise KeyError(f"{count - len(positions)} of {count} {kind} keys are not in the graph")
    return np.array(positions, np.int64)


def texts(values: Sequence[str]) -> Texts:
    """Return a column of strings."""
    return np.array(values, object)


def patches(row: Row, name: str, ids: Sequence[str], groups: Texts) -> Patches:
    """Return the patches of one column of a sampling query. Raises KeyError if one is not in the graph.

    `collect` leaves out nulls, so a column that is too short would assign images to the wrong patches.
    """
    shards, offsets, sizes = row[f"{name}_shard"], row[f"{name}_offset"], row[f"{name}_size"]
    if not len(shards) == len(offsets) == len(sizes) == len(ids):
        raise KeyError(f"{len(ids) - len(shards)} of {len(ids)} patches are not in the graph")
    # All images are in a few shards: `intern` keeps one string for each.
    shard = texts(list(map(intern, shards)))
    return Patches(texts(ids), groups, shard, np.array(offsets, np.int64), np.array(sizes, np.int64))


def frames(row: Row) -> Frames:
    """Return the frames of a sampling query, in the order of its rows."""
    shard = texts(list(map(intern, row["shard"])))
    return Frames(texts(row["id"]), shard, np.array(row["offset"], np.int64), np.array(row["size"], np.int64))
