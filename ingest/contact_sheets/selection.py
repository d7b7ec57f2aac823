"""Choose what a contact sheet shows of a snapshot: a random sample where there is too much, the same for a seed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice, zip_longest
from typing import Literal, TypeVar

import numpy as np

from graphdb.model import ShownTrack, Snapshot, video_of
from graphdb.store.graph import GraphStore
from ingest.contact_sheets.drawing import Sheet
from ingest.contact_sheets.panels import Panels, file_name, mean
from ingest.errors import IngestError
from ingest.reporting.report import counted

K = TypeVar("K", int, str)
Unit = Literal["video", "shot", "thing"]

MAX_MEMBERS = 10
"""Members of a parent that are shown."""


class SheetBuilder:
    """Builds the sheets of one snapshot. `video` selects the videos with this text in their file name, in any case.

    Patches and tracks are spread over the videos, or over their shots or things, as `by` says.

    Raises IngestError where the snapshot holds nothing to show.
    """

    def __init__(
        self, store: GraphStore, panels: Panels, snapshot: Snapshot, video: str | None, seed: int, by: Unit = "video"
    ) -> None:
        self._store = store
        self._panels = panels
        self._snapshot = snapshot
        self._filter = video
        self._seed = seed
        self._by = by
        self._starts = self._selected(store.snapshot_starts(snapshot.id))

    def patches(self, count: int) -> Sheet:
        """Show starts, spread over the videos, the shots or the things."""
        panels = [self._panels.patch(shown) for shown in self._sample_tracks(count)]
        details = self._details(len(panels), self._total, "starts", "orange: the box of the crop, in its frame")
        return Sheet("Patches: something moves in each box", details, panels, 3)

    def tracks(self, count: int) -> Sheet:
        """Show tracks, spread over the videos, the shots or the things."""
        panels = [self._panels.track(shown) for shown in self._sample_tracks(count)]
        details = self._details(len(panels), self._total, "tracks", "orange: the box of the start; blue: of the end")
        return Sheet("Tracks: each pair should show one object", details, panels, 2)

    def children(self, count: int) -> Sheet:
        """Show child clusters, spread over the parents; in a parent, the most similar first."""
        of_parent = self._store.show_children(self._snapshot.id, sorted(self._starts) if self._filter else None)
        if not of_parent:
            raise self._nothing("child cluster", self._why_no_children())
        parents = {child: parent for parent, children in of_parent.items() for child in children}
        clusters = self._store.show_members(spread(of_parent, count, self._seed))
        clusters.sort(key=lambda child: (parents[child.id], -mean(child.similarities), child.id))
        tracks = self._tracks_of(id for child in clusters for id in child.members)
        panels = [
            self._panels.child(child, parents[child.id], [tracks[id] for id in child.members]) for child in clusters
        ]
        details = self._details(len(panels), len(parents), "child clusters", "each is four starts of one parent")
        return Sheet("Child clusters: the four should look alike", details, panels, 2)

    def parents(self, count: int) -> Sheet:
        """Show the largest parents, each with some of its members."""
        members = self._members()
        largest = sorted(members, key=lambda number: (-len(members[number]), number))[:count]
        children = self._store.show_children(self._snapshot.id)
        samples = {number: spread(by_video(members[number]), MAX_MEMBERS, self._seed) for number in largest}
        tracks = self._tracks_of(id for ids in samples.values() for id in ids)
        panels = [
            self._panels.parent(
                number, members[number], len(children.get(number, ())), [tracks[id] for id in samples[number]]
            )
            for number in largest
        ]
        details = self._details(len(panels), len(members), "parents", "a row shows some members of one")
        return Sheet("The largest parents", details, panels, 1)

    @property
    def _total(self) -> int:
        return sum(map(len, self._starts.values()))

    def _selected(self, starts: Mapping[str, tuple[str, Sequence[str]]]) -> dict[str, list[str]]:
        """Return the starts of every selected video, by its id."""
        named = {video: file_name(uri) for video, (uri, ids) in starts.items() if ids}
        if not named:
            why = f"none of its {self._snapshot.counts.videos} videos gave a track. Ingest videos with moving objects"
            raise self._nothing("track", why)
        wanted = (self._filter or "").lower()
        chosen = {video: sorted(starts[video][1]) for video, name in named.items() if wanted in name.lower()}
        if not chosen:
            names = sorted(set(named.values()))
            some = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
            why = f"none of its videos with tracks has {self._filter!r} in its file name. Its videos: {some}"
            raise self._nothing("track", why)
        return chosen

    def _sample_tracks(self, count: int) -> list[ShownTrack]:
        tracks = self._store.show_tracks(spread(self._groups(), count, self._seed), self._snapshot.frames)

        def place(shown: ShownTrack) -> tuple[str, int, str]:
            start = shown.track.start
            return file_name(shown.uri), (start.thing or 0) if self._by == "thing" else 0, start.id

        return sorted(tracks, key=place)

    def _groups(self) -> dict[str, list[str]]:
        """Return the selected starts by video, by shot or by thing; by video where shot or thing is not known."""
        if self._by == "video":
            return self._starts
        takes = self._store.snapshot_takes(self._snapshot.id)
        groups: dict[str, list[str]] = defaultdict(list)
        for video, ids in self._starts.items():
            for id in ids:
                unit = getattr(takes[id], self._by) if id in takes else None
                groups[f"{video} {unit}"].append(id)
        return groups

    def _tracks_of(self, starts: Iterable[str]) -> dict[str, ShownTrack]:
        tracks = self._store.show_tracks(sorted(set(starts)), self._snapshot.frames)
        return {shown.track.start.id: shown for shown in tracks}

    def _assigned(self) -> dict[str, int]:
        """Return the parent of every start that the snapshot's cluster model has assigned."""
        return self._store.assigned_starts(self._snapshot.fit) if self._snapshot.fit else {}

    def _members(self) -> dict[int, list[str]]:
        """Return the selected starts by parent."""
        assigned = self._assigned()
        members: dict[int, list[str]] = defaultdict(list)
        for id in (id for ids in self._starts.values() for id in ids if id in assigned):
            members[assigned[id]].append(id)
        if not members:
            why = "none of these starts is assigned to a parent. Run `affinity cluster`, which publishes a new snapshot"
            raise self._nothing("parent", why)
        return members

    def _nothing(self, what: str, why: str) -> IngestError:
        return IngestError(f"Snapshot {self._snapshot.id} has no {what} to show: {why}.")

    def _why_no_children(self) -> str:
        """Say in a clause why there are no child clusters."""
        counts = self._snapshot.counts
        if counts.children:
            return f"none of its {counts.children:,} holds a start of such a video. Leave out --video to see them"
        if counts.parents:
            return (
                f"in none of its {counts.parents:,} parents are four starts all among each other's nearest neighbors. "
                "Ingest more videos, or raise --neighbors"
            )
        sizes = Counter(self._assigned().values())
        required = self._snapshot.settings.get("clustering", {}).get("members")
        return (
            f"no parent was large enough to be linked: the largest of {len(sizes)} has {max(sizes.values())} starts, "
            f"and min-parent-size is {required}. Ingest more videos, or lower --min-parent-size"
        )

    def _details(self, shown: int, total: int, what: str, legend: str) -> list[str]:
        counts = self._snapshot.counts
        held = f"{counted(counts.videos, 'video')} · {counted(counts.intra, 'track')} · {counts.inter:,} INTER"
        clusters = f"{counted(counts.children, 'child cluster')} in {counted(counts.parents, 'linked parent')}"
        of_videos = f" of videos with {self._filter!r} in their name" if self._filter else ""
        chosen = f"{shown:,} of {total:,} {what}{of_videos}"
        return [f"Snapshot {self._snapshot.id}: {held} · {clusters}", f"{chosen} · {legend} · seed {self._seed}"]


SHEETS: Mapping[str, Callable[[SheetBuilder, int], Sheet]] = {
    "patches": SheetBuilder.patches,
    "tracks": SheetBuilder.tracks,
    "children": SheetBuilder.children,
    "parents": SheetBuilder.parents,
}
"""The kinds of sheets, each with the method that builds it: it takes a builder and the number of panels."""


def spread(groups: Mapping[K, Sequence[str]], count: int, seed: int) -> list[str]:
    """Draw at most `count` ids from the groups in turn, so that a large group does not crowd out the others.

    The order of the groups, and of the ids in a group, is random: the same for the same groups and seed.
    """
    random = np.random.default_rng(seed)
    shuffled = [random.permutation(sorted(groups[key])).tolist() for key in sorted(groups)]
    turns = [shuffled[at] for at in random.permutation(len(shuffled))]
    rounds = (id for ids in zip_longest(*turns) for id in ids if id is not None)
    return list(islice(rounds, count))


def by_video(starts: Iterable[str]) -> dict[str, list[str]]:
    """Group starts by their video."""
    groups: dict[str, list[str]] = defaultdict(list)
    for start in starts:
        groups[video_of(start)].append(start)
    return groups
