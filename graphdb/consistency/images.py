"""Every patch and whole frame against the bytes that it points to; all of them are read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphdb.archive.shards import shard_path
from graphdb.archive.verification import BEYOND, fault
from graphdb.consistency.findings import NAMED, Finding, Findings
from graphdb.consistency.queries import CheckStore
from graphdb.consistency.report import Meter
from graphdb.model import video_of

AREA = "images"
NO_INGEST = " Do not ingest before: it would cut off what lies beyond the end."
RULE = "Every image lies where the graph says, whole and under its name"


@dataclass
class Damage:
    """Images with one kind of damage."""

    count: int = 0
    examples: list[str] = field(default_factory=list)
    videos: set[str] = field(default_factory=set)

    def add(self, id: str) -> None:
        self.count += 1
        self.videos.add(video_of(id))
        if len(self.examples) < NAMED:
            self.examples.append(id)


class ImageCheck:
    """Reads images page by page, in the order in which they lie, and sorts the damage by its kind."""

    def __init__(self, store: CheckStore, archive: Path) -> None:
        self.shards: set[str] = set()
        """Shards that something points into."""
        self.overrun = False
        """Whether something lies past the committed end of its shard: such bytes are not to be cut."""
        self._store = store
        self._archive = archive
        self._damaged: defaultdict[str, Damage] = defaultdict(Damage)

    def run(self, findings: Findings, meter: Meter) -> None:
        for pages, square in ((self._store.patch_pages(), True), (self._store.frame_pages(), False)):
            for page in pages:
                self._check(page, square)
                findings.count(AREA, len(page))
                meter.advance(len(page), sum(row["size"] for row in page))
        for kind, damage in sorted(self._damaged.items()):
            cure = self._cure(damage.videos) + (NO_INGEST if kind.startswith(BEYOND) else "")
            findings.found.append(Finding(AREA, f"{RULE}: {kind}.", damage.count, damage.examples, cure))

    def _check(self, page: list[Mapping[str, Any]], square: bool) -> None:
        by_shard: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for row in page:
            by_shard[row["shard"]].append(row)
        self.shards |= by_shard.keys()
        for shard, rows in by_shard.items():
            for id, kind in self._faults(shard, sorted(rows, key=lambda row: row["offset"]), square):
                self._damaged[kind].add(id)
                self.overrun = self.overrun or kind.startswith(BEYOND)

    def _faults(self, shard: str, rows: list[Mapping[str, Any]], square: bool) -> Iterator[tuple[str, str]]:
        path = shard_path(self._archive, shard)
        with ExitStack() as stack:
            try:
                file = stack.enter_context(path.open("rb"))
            except OSError as error:
                yield from ((row["id"], f"{path.name} cannot be read ({error.strerror})") for row in rows)
                return
            for row in rows:
                if kind := fault(file, row, square):
                    yield row["id"], kind.format(shard=path.name)

    def _cure(self, videos: set[str]) -> str:
        named = ", ".join(self._store.uris(sorted(videos)[:NAMED])) + (", …" if len(videos) > NAMED else "")
        return (
            f"These are of {len(videos)} videos: {named}. Restore the archive folder from the backup that belongs to "
            "this graph; without one, `affinity graph reset` and ingest the videos again."
        )
