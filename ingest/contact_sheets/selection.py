"""What a contact sheet shows of a snapshot: drawn by lot where there is too much, the same for a seed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice, zip_longest
from typing import TypeVar

import numpy as np

from graphdb.model import ShownTrack, Snapshot, video_of
from graphdb.store.graph import GraphStore
from ingest.contact_sheets.drawing import Sheet
from ingest.contact_sheets.panels import Panels, counted, file_name, mean
from ingest.errors import NothingToShow

K = TypeVar("K", int, str)

SAMPLE = 10
"""Members of a parent that are shown."""


class Showing:
    """Chooses from one snapshot. `video` keeps to the videos that have this in their file name, whatever its case.

    Raises NothingToShow where the snapshot holds no track, or none of such a video.
    """

    def __init__(self, store: GraphStore, panels: Panels, snapshot: Snapshot, video: str | None, seed: int) -> None:
        self._store = store
        self._panels = panels
        self._snapshot = snapshot
        self._filter = video
        self._seed = seed
        self._starts = self._tracked(store.snapshot_starts(snapshot.id))

    def patches(self, count: int) -> Sheet:
        """Starts, spread over the videos."""
        panels = [self._panels.patch(seen) for seen in self._tracks(count)]
        details = self._details(len(panels), self._total, "starts", "orange: the box of the crop beside the frame")
        return Sheet("Patches: something moves in each box", details, panels, 3)

    def tracks(self, count: int) -> Sheet:
        """Tracks, spread over the videos."""
        panels = [self._panels.track(seen) for seen in self._tracks(count)]
        details = self._details(len(panels), self._total, "tracks", "orange: the box of the start; blue: of the end")
        return Sheet("Tracks: each pair should show one thing", details, panels, 2)

    def children(self, count: int) -> Sheet:
        """Child clusters, spread over the parents; the most alike of a parent first. Raises NothingToShow."""
        of_parent = self._store.show_children(self._snapshot.id, sorted(self._starts) if self._filter else None)
        if not of_parent:
            raise NothingToShow(self._snapshot.id, "child cluster", self._why_childless())
        parents = {child: parent for parent, children in of_parent.items() for child in children}
        clusters = self._store.show_members(spread(of_parent, count, self._seed))
        clusters.sort(key=lambda child: (parents[child.id], -mean(child.similarities), child.id))
        seen = self._seen(id for child in clusters for id in child.members)
        panels = [
            self._panels.child(child, parents[child.id], [seen[id] for id in child.members]) for child in clusters
        ]
        details = self._details(len(panels), len(parents), "child clusters", "each is four starts of one parent")
        return Sheet("Child clusters: the four should look alike", details, panels, 2)

    def parents(self, count: int) -> Sheet:
        """The largest parents, each with some of its members. Raises NothingToShow."""
        members = self._members()
        largest = sorted(members, key=lambda number: (-len(members[number]), number))[:count]
        children = self._store.show_children(self._snapshot.id)
        samples = {number: spread(by_video(members[number]), SAMPLE, self._seed) for number in largest}
        seen = self._seen(id for ids in samples.values() for id in ids)
        panels = [
            self._panels.parent(
                number, members[number], len(children.get(number, ())), [seen[id] for id in samples[number]]
            )
            for number in largest
        ]
        details = self._details(len(panels), len(members), "parents", "a row holds some members of one")
        return Sheet("The largest parents", details, panels, 1)

    @property
    def _total(self) -> int:
        return sum(map(len, self._starts.values()))

    def _tracked(self, starts: Mapping[str, tuple[str, Sequence[str]]]) -> dict[str, list[str]]:
        """The starts of every video that is asked for, by its id."""
        named = {video: file_name(uri) for video, (uri, ids) in starts.items() if ids}
        if not named:
            why = f"none of its {self._snapshot.counts.videos} videos gave a track. Ingest some in which things move"
            raise NothingToShow(self._snapshot.id, "track", why)
        wanted = (self._filter or "").lower()
        chosen = {video: sorted(starts[video][1]) for video, name in named.items() if wanted in name.lower()}
        if not chosen:
            names = sorted(set(named.values()))
            some = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
            why = f"none of its videos with tracks has {self._filter!r} in its file name. Its videos: {some}"
            raise NothingToShow(self._snapshot.id, "track", why)
        return chosen

    def _tracks(self, count: int) -> list[ShownTrack]:
        shown = self._store.show_tracks(spread(self._starts, count, self._seed), self._snapshot.frames)
        return sorted(shown, key=lambda seen: (file_name(seen.uri), seen.track.start.id))

    def _seen(self, starts: Iterable[str]) -> dict[str, ShownTrack]:
        shown = self._store.show_tracks(sorted(set(starts)), self._snapshot.frames)
        return {seen.track.start.id: seen for seen in shown}

    def _placed(self) -> dict[str, int]:
        """The parent of every start that the snapshot's fit has placed."""
        return self._store.assigned_starts(self._snapshot.fit) if self._snapshot.fit else {}

    def _members(self) -> dict[int, list[str]]:
        """The starts that are asked for, by parent. Raises NothingToShow."""
        placed = self._placed()
        members: dict[int, list[str]] = defaultdict(list)
        for id in (id for ids in self._starts.values() for id in ids if id in placed):
            members[placed[id]].append(id)
        if not members:
            why = "clustering has placed none of these starts. `affinity cluster` does, and publishes a snapshot"
            raise NothingToShow(self._snapshot.id, "parent", why)
        return members

    def _why_childless(self) -> str:
        """What kept child clusters from being, in a clause."""
        counts = self._snapshot.counts
        if counts.children:
            return f"none of its {counts.children:,} holds a start of such a video. Leave --video out to see them"
        if counts.parents:
            return (
                f"in none of its {counts.parents:,} parents are four starts all among each other's nearest neighbors. "
                "Ingest more videos, or raise --neighbors"
            )
        members = Counter(self._placed().values())
        least = self._snapshot.settings.get("clustering", {}).get("members")
        return (
            f"no parent was large enough to be linked: the largest of {len(members)} has {max(members.values())} "
            f"starts, and min-parent-size is {least}. Ingest more videos, or lower --min-parent-size"
        )

    def _details(self, shown: int, total: int, what: str, legend: str) -> list[str]:
        counts = self._snapshot.counts
        held = f"{counted(counts.videos, 'video')} · {counted(counts.intra, 'track')} · {counts.inter:,} INTER"
        clusters = f"{counted(counts.children, 'child cluster')} in {counted(counts.parents, 'linked parent')}"
        chosen = f"{shown:,} of {total:,} {what}" + (
            f" of videos with {self._filter!r} in their name" if self._filter else ""
        )
        return [f"Snapshot {self._snapshot.id}: {held} · {clusters}", f"{chosen} · {legend} · seed {self._seed}"]


def spread(groups: Mapping[K, Sequence[str]], count: int, seed: int) -> list[str]:
    """At most `count` ids, taken from the groups in turn, so that a large one does not crowd out the others.

    Which groups come first, and which ids of a group, is drawn by lot: the same for the same groups and seed.
    """
    lot = np.random.default_rng(seed)
    shuffled = [lot.permutation(sorted(groups[key])).tolist() for key in sorted(groups)]
    turns = [shuffled[at] for at in lot.permutation(len(shuffled))]
    rounds = (id for ids in zip_longest(*turns) for id in ids if id is not None)
    return list(islice(rounds, count))


def by_video(starts: Iterable[str]) -> dict[str, list[str]]:
    """Starts by the video that they come from."""
    groups: dict[str, list[str]] = defaultdict(list)
    for start in starts:
        groups[video_of(start)].append(start)
    return groups
