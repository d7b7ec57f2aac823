"""Take dead pixels out of the archive: what lives is copied to later shards, and the old one deleted.

At every moment each pointer leads to whole bytes. A portion of the images is copied and synced, then one transaction
moves its pointers and counts on its copies; when all are moved, another one forgets the old shard, and only then the
old file goes. What is killed in between leaves bytes that the graph does not count on, which the next writer cuts, or a
shard with more dead pixels than before, of which the next run copies the rest. No number of a shard is ever used twice,
so that whoever still has an old shard open never finds other pixels in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from foundation.files import writing
from graphdb.archive.shards import shard_path
from graphdb.archive.verification import fault
from graphdb.archive.writer import ArchiveWriter
from graphdb.errors import ShardGone
from graphdb.model import Location
from graphdb.store.deletion import RemovalStore
from graphdb.store.graph import ROWS

PORTION_BYTES = 16 * 2**20
"""Images that are copied together have so many bytes at most, or ROWS pointers: shards turn at their size, and a
transaction fits a small heap."""


def dead_bytes(store: RemovalStore) -> dict[str, int]:
    """The shards that hold images nothing points to, and how much of them that is. Looks at every pointer."""
    live = store.live_bytes()
    dead = {shard: end - live.get(shard, 0) for shard, end in sorted(store.shards().items())}
    return {shard: size for shard, size in dead.items() if size > 0}


def compact(store: RemovalStore, archive: ArchiveWriter, folder: Path, shards: Mapping[str, int]) -> Iterator[int]:
    """Rewrite these shards, which `dead_bytes` told of; the bytes that each gave back.

    Raises ShardGone, and CannotWrite.
    """
    if archive.shard in shards:
        archive.turn()
    for shard, dead in shards.items():
        path = shard_path(folder, shard)
        for images in portions(store.shard_images(shard)):
            copied = archive.append(images_of(path, images))
            store.move_images(dict(zip(images, copied, strict=True)), archive.shard, archive.end)
        store.drop_shard(shard, archive.shard, archive.end)
        with writing(path):
            path.unlink(missing_ok=True)
        yield dead


def portions(images: Mapping[str, Location]) -> Iterator[dict[str, Location]]:
    """Images in their order, as many together as are copied and moved together."""
    portion: dict[str, Location] = {}
    size = 0
    for id, location in images.items():
        if len(portion) == ROWS or (portion and size + location.size > PORTION_BYTES):
            yield portion
            portion, size = {}, 0
        portion[id] = location
        size += location.size
    if portion:
        yield portion


def images_of(path: Path, images: Mapping[str, Location]) -> Iterator[tuple[str, bytes]]:
    """Images with their bytes, in their order.

    One that is not what the graph says gives way to zeros: `affinity graph check` goes on naming it, and nothing that
    was to be forgotten survives under its name.
    """
    if not path.exists():
        raise ShardGone(path)
    with path.open("rb") as file:
        for id, location in images.items():
            row = {"id": id, "offset": location.offset, "size": location.size, "end": os.fstat(file.fileno()).st_size}
            damaged = fault(file, row, square=False) is not None
            yield id, bytes(location.size) if damaged else os.pread(file.fileno(), location.size, location.offset)
