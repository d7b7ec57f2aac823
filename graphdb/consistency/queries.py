"""The graph as checking reads it: page by page, so that its size does not matter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from graphdb.archive.shards import shard_name
from graphdb.store import schema
from graphdb.store.graph import GraphStore

IMAGES = 5_000
SEGMENTS = 200


class CheckStore(GraphStore):
    """A GraphStore with the queries of `check`."""

    def missing_indexes(self) -> list[str]:
        """The constraints and indexes of ours that the database lacks."""
        return schema.missing(schema.targets(self._read("indexes")))

    def violations(self, rule: str, most: int) -> tuple[int, list[str]]:
        """How often a rule of `cypher/check` does not hold, counted up to `most`, and examples."""
        row = self._read(rule, most=most)[0]
        return row["count"], row["examples"]

    def patch_pages(self) -> Iterator[list[Any]]:
        return self._pages("page_patches", IMAGES)

    def frame_pages(self) -> Iterator[list[Any]]:
        return self._pages("page_frames", IMAGES)

    def track_pages(self) -> Iterator[list[Any]]:
        return self._pages("page_tracks", SEGMENTS)

    def edge_pages(self) -> Iterator[list[Any]]:
        return self._pages("page_edges", SEGMENTS)

    def segment_ids(self, snapshot: str) -> list[str]:
        return [row["id"] for row in self._read("segments", id=snapshot)]

    def segment_starts(self, segments: Sequence[str]) -> dict[str, int]:
        """How many starts these segments of tracks have; those that are not known are left out."""
        return {row["id"]: row["starts"] for row in self._read("segment_starts", ids=list(segments))}

    def uris(self, videos: Sequence[str]) -> list[str]:
        """The files that these videos came from."""
        return [row["uri"] for row in self._read("uris", ids=list(videos))]

    def sweep(self, things: str) -> None:
        """Remove what an interruption left of these, by `cypher/sweep_<things>`."""
        self._write(f"sweep_{things}")

    def sweep_shards(self, ids: Sequence[str]) -> None:
        """Forget shards that nothing points into. Their numbers are not used again: the next is noted, if need be."""
        newest = max(self.shards(), key=int)
        if newest in ids:
            self._write("write_shard", id=shard_name(int(newest) + 1), end=0)
        self._write("sweep_shards", ids=list(ids))

    def _pages(self, name: str, count: int) -> Iterator[list[Any]]:
        after = ""
        while page := self._read(name, after=after, count=count):
            yield page
            after = page[-1]["id"]
