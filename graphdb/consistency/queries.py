"""The queries of a check. They read page by page, so that the size of the graph does not matter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from graphdb.archive.shards import shard_name
from graphdb.store import schema
from graphdb.store.graph import GraphStore

IMAGES_PER_PAGE = 5_000
SEGMENTS_PER_PAGE = 200


class CheckStore(GraphStore):
    """A GraphStore with the queries of a check."""

    def missing_indexes(self) -> list[str]:
        """Return the names of the constraints and indexes that the database lacks."""
        return schema.missing(schema.targets(self._read("indexes")))

    def violations(self, rule: str, most: int) -> tuple[int, list[str]]:
        """Return how often a rule of `cypher/check` is violated, counted up to `most`, and examples."""
        row = self._read(rule, most=most)[0]
        return row["count"], row["examples"]

    def patch_pages(self) -> Iterator[list[Any]]:
        return self._pages("page_patches", IMAGES_PER_PAGE)

    def frame_pages(self) -> Iterator[list[Any]]:
        return self._pages("page_frames", IMAGES_PER_PAGE)

    def track_pages(self) -> Iterator[list[Any]]:
        return self._pages("page_tracks", SEGMENTS_PER_PAGE)

    def edge_pages(self) -> Iterator[list[Any]]:
        return self._pages("page_edges", SEGMENTS_PER_PAGE)

    def segment_ids(self, snapshot: str) -> list[str]:
        return [row["id"] for row in self._read("segments", id=snapshot)]

    def segment_starts(self, segments: Sequence[str]) -> dict[str, int]:
        """Return the number of starts of these segments of tracks. Unknown segments are left out."""
        return {row["id"]: row["starts"] for row in self._read("segment_starts", ids=list(segments))}

    def uris(self, videos: Sequence[str]) -> list[str]:
        """Return the URIs of these videos."""
        return [row["uri"] for row in self._read("uris", ids=list(videos))]

    def sweep(self, things: str) -> None:
        """Remove what an interruption left, with the query `sweep_<things>`."""
        self._write(f"sweep_{things}")

    def sweep_shards(self, ids: Sequence[str]) -> None:
        """Remove shards that nothing points into.

        If the newest one is among them, an empty shard after it is added, so that its number is not used again.
        """
        newest = max(self.shards(), key=int)
        if newest in ids:
            self._write("write_shard", id=shard_name(int(newest) + 1), end=0)
        self._write("sweep_shards", ids=list(ids))

    def _pages(self, name: str, count: int) -> Iterator[list[Any]]:
        after = ""
        while page := self._read(name, after=after, count=count):
            yield page
            after = page[-1]["id"]
