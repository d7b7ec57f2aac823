"""Take dead pixels out of the archive: what lives is copied to another shard, and the old one deleted.

At every moment each pointer leads to whole bytes. Copies come first and are synced; one transaction moves the pointers,
counts on the new shard and forgets the old; only then the old file goes. What is killed in between leaves bytes that
the graph does not count on, which the next writer cuts. No number of a shard is ever used twice, so that whoever still
has an old shard open never finds other pixels in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from graphdb.archive import ArchiveWriter, shard_path
from graphdb.checks.images import fault
from graphdb.errors import ShardGone
from graphdb.files import writing
from graphdb.model import Location
from graphdb.removing import RemovalStore


def dead_bytes(store: RemovalStore) -> dict[str, int]:
    """The shards that hold images nothing points to, and how much of them that is. Looks at every pointer."""
    live = store.live_bytes()
    dead = {shard: end - live.get(shard, 0) for shard, end in sorted(store.shards().items())}
    return {shard: size for shard, size in dead.items() if size > 0}


def compact(store: RemovalStore, archive: ArchiveWriter, folder: Path, shards: Mapping[str, int]) -> Iterator[int]:
    """Rewrite these shards, which `dead_bytes` told of; the bytes that each gave back.

    Raises ShardGone, and CannotWrite.
    """
    for shard, dead in shards.items():
        if shard == archive.shard:
            archive.turn()
        images = store.shard_images(shard)
        copied = archive.append(images_of(shard_path(folder, shard), images))
        store.move_shard(shard, dict(zip(images, copied, strict=True)), archive.shard, archive.end)
        with writing(shard_path(folder, shard)):
            shard_path(folder, shard).unlink(missing_ok=True)
        yield dead


def images_of(path: Path, images: Mapping[str, Location]) -> Iterator[tuple[str, bytes]]:
    """Images with their bytes, in the order of the shard.

    One that is not what the graph says gives way to zeros: `affinity graph check` goes on naming it, and nothing that
    was to be forgotten survives under its name.
    """
    if not images:
        return
    if not path.exists():
        raise ShardGone(path)
    with path.open("rb") as file:
        for id, location in images.items():
            row = {"id": id, "offset": location.offset, "size": location.size, "end": os.fstat(file.fileno()).st_size}
            damaged = fault(file, row, square=False) is not None
            yield id, bytes(location.size) if damaged else os.pread(file.fileno(), location.size, location.offset)
