"""Compact the archive: copy the images that are still used to newer shards, and delete the old shards.

At every moment each pointer of the graph leads to a whole image. A batch of images is copied and synced; then one
transaction moves its pointers and commits its copies. When all images of a shard are moved, another transaction removes
the shard from the graph, and only then its file is deleted. A kill in between leaves uncommitted bytes, which the next
writer cuts off, or a shard with more unused images than before, which the next run copies on. A shard number is never
used twice, so a reader that still has an old shard open never finds other images in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from foundation.files import wrap_os_errors
from graphdb.archive.shards import shard_path
from graphdb.archive.verification import describe_damage
from graphdb.archive.writer import ArchiveWriter
from graphdb.errors import ShardGone
from graphdb.model import Location
from graphdb.store.deletion import RemovalStore
from graphdb.store.graph import ROWS_PER_TRANSACTION

BATCH_BYTES = 16 * 2**20
"""A batch has at most this many bytes and ROWS_PER_TRANSACTION images, so that shards do not grow far beyond their size
and a transaction fits a small heap."""


def dead_bytes(store: RemovalStore) -> dict[str, int]:
    """Return the bytes of unused images of each shard that has any. This reads every pointer of the graph."""
    live = store.live_bytes()
    dead = {shard: end - live.get(shard, 0) for shard, end in sorted(store.shards().items())}
    return {shard: size for shard, size in dead.items() if size > 0}


def compact(store: RemovalStore, archive: ArchiveWriter, folder: Path, shards: Mapping[str, int]) -> Iterator[int]:
    """Rewrite these shards, which `dead_bytes` returned. Yields the bytes that each one freed.

    Raises ShardGone and CannotWrite.
    """
    if archive.shard in shards:
        archive.rotate()
    for shard, dead in shards.items():
        path = shard_path(folder, shard)
        for images in batches(store.shard_images(shard)):
            copied = archive.append(read_images(path, images))
            store.move_images(dict(zip(images, copied, strict=True)), archive.shard, archive.end)
        store.drop_shard(shard, archive.shard, archive.end)
        with wrap_os_errors(path):
            path.unlink(missing_ok=True)
        yield dead


def batches(images: Mapping[str, Location]) -> Iterator[dict[str, Location]]:
    """Yield the images in their order, in groups that are copied and moved together."""
    batch: dict[str, Location] = {}
    size = 0
    for id, location in images.items():
        if len(batch) == ROWS_PER_TRANSACTION or (batch and size + location.size > BATCH_BYTES):
            yield batch
            batch, size = {}, 0
        batch[id] = location
        size += location.size
    if batch:
        yield batch


def read_images(path: Path, images: Mapping[str, Location]) -> Iterator[tuple[str, bytes]]:
    """Yield the id and the bytes of each image.

    A damaged image is replaced by zeros: `affinity graph check` still reports it, and no data that was to be forgotten
    survives under its id.
    """
    if not path.exists():
        raise ShardGone(path)
    with path.open("rb") as file:
        for id, location in images.items():
            row = {"id": id, "offset": location.offset, "size": location.size, "end": os.fstat(file.fileno()).st_size}
            damaged = describe_damage(file, row, square=False) is not None
            yield id, bytes(location.size) if damaged else os.pread(file.fileno(), location.size, location.offset)
