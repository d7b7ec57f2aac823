"""Check every patch and whole frame against the archive: all images are read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphdb.archive.shards import shard_path
from graphdb.archive.verification import BEYOND_END, describe_damage
from graphdb.consistency.findings import MAX_EXAMPLES, Finding, Findings
from graphdb.consistency.queries import CheckStore
from graphdb.consistency.report import ProgressMeter
from graphdb.model import video_of

AREA = "images"
NO_INGEST = " Do not ingest before: it would cut off what lies beyond the end."
RULE = "Every image is where the graph says, whole and under its name"


@dataclass
class Damage:
    """The images with one kind of damage."""

    count: int = 0
    examples: list[str] = field(default_factory=list)
    videos: set[str] = field(default_factory=set)

    def add(self, id: str) -> None:
        self.count += 1
        self.videos.add(video_of(id))
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(id)


class ImageCheck:
    """Reads all images page by page, in the order of the archive, and collects the damage by kind."""

    def __init__(self, store: CheckStore, archive: Path) -> None:
        self.shards: set[str] = set()
        """Shards that something points into."""
        self.beyond_end = False
        """Whether something points beyond the committed end of its shard: such bytes must not be cut off."""
        self._store = store
        self._archive = archive
        self._damaged: defaultdict[str, Damage] = defaultdict(Damage)

    def run(self, findings: Findings, meter: ProgressMeter) -> None:
        for pages, square in ((self._store.patch_pages(), True), (self._store.frame_pages(), False)):
            for page in pages:
                self._check(page, square)
                findings.count(AREA, len(page))
                meter.advance(len(page), sum(row["size"] for row in page))
        for kind, damage in sorted(self._damaged.items()):
            remedy = self._remedy(damage.videos) + (NO_INGEST if kind.startswith(BEYOND_END) else "")
            findings.found.append(Finding(AREA, f"{RULE}: {kind}.", damage.count, damage.examples, remedy))

    def _check(self, page: list[Mapping[str, Any]], square: bool) -> None:
        by_shard: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for row in page:
            by_shard[row["shard"]].append(row)
        self.shards |= by_shard.keys()
        for shard, rows in by_shard.items():
            for id, kind in self._damage(shard, sorted(rows, key=lambda row: row["offset"]), square):
                self._damaged[kind].add(id)
                self.beyond_end = self.beyond_end or kind.startswith(BEYOND_END)

    def _damage(self, shard: str, rows: list[Mapping[str, Any]], square: bool) -> Iterator[tuple[str, str]]:
        """Yield the id of each damaged image, and the kind of its damage."""
        path = shard_path(self._archive, shard)
        with ExitStack() as stack:
            try:
                file = stack.enter_context(path.open("rb"))
            except OSError as error:
                yield from ((row["id"], f"{path.name} cannot be read ({error.strerror})") for row in rows)
                return
            for row in rows:
                if kind := describe_damage(file, row, square):
                    yield row["id"], kind.format(shard=path.name)

    def _remedy(self, videos: set[str]) -> str:
        some = ", ".join(self._store.uris(sorted(videos)[:MAX_EXAMPLES])) + (
            ", …" if len(videos) > MAX_EXAMPLES else ""
        )
        return (
            f"These are of {len(videos)} videos: {some}. Restore the archive folder from the backup that belongs to "
            "this graph; without one, `affinity graph reset` and ingest the videos again."
        )
