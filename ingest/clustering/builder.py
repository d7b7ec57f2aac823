"""GraphBuilder: from stored tracks to a published snapshot (Sec. 4.2).

Each step first looks up what the graph and the data folder already hold. So an interrupted run continues, and new
videos cost only the parents that they join.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from foundation.settings import to_stored
from graphdb.model import LinkedParent, Snapshot, Take, digest, parent_id
from ingest.clustering.cluster_model import (
    ClusterModel,
    current_model,
    fit_cluster_model,
    sample_starts,
    save_model,
    set_current_model,
)
from ingest.clustering.defaults import beside_paper, resolve
from ingest.clustering.kmeans import UNCLUSTERED
from ingest.clustering.near_duplicates import canonical_videos
from ingest.clustering.tasks import (
    LinkTask,
    Member,
    assign_tasks,
    assign_videos,
    link_parent,
    with_known_duplicates,
)
from ingest.context import Context
from ingest.features.base import Extractor
from ingest.features.extraction import ExtractionTask, extract_features, portions
from ingest.features.factory import cached_extractor
from ingest.features.storage import features_file_name, features_path, read_rows
from ingest.settings import ClusterSettings, ExtractorSpec

T = TypeVar("T")
R = TypeVar("R")

Starts = Mapping[str, tuple[str, list[str]]]
"""The intra segment of every video, and the ids of its starts in order."""


class GraphBuilder:
    """Clusters and links tracks of one length, with one extractor and one set of settings."""

    def __init__(self, context: Context, spec: ExtractorSpec, settings: ClusterSettings) -> None:
        self._store = context.store
        self._folder = context.folder
        self._engine = context.engine
        self._report = context.report
        self._spec = spec
        self._settings = settings

    @cached_property
    def _extractor(self) -> Extractor:
        # Loaded when it is first needed: stored features can be linked without the extractor's weights.
        return cached_extractor(self._spec)

    def publish(self, starts: Starts, frames: int, refit: bool = False, **settings: Any) -> Snapshot:
        """Cluster, link and publish these starts, whose tracks are `frames` long.

        A graph without INTER edges is published too, and a note says why it has none.
        """
        segments = [segment for segment, _ in starts.values()]
        model = None
        if any(ids for _, ids in starts.values()):
            self.extract_features(starts)
            model = self.cluster_model(starts, refit)
            used = (f"{name} {value}" for name, value in beside_paper(model.settings).items())
            self._report.say("clustering: " + ", ".join(used))
            segments += self.link(model, self.assign(model, starts), starts)
            settings |= {"features": self._extractor.name, "clustering": to_stored(model.settings)}
            if self._spec.crops:
                settings["crops"] = self._spec.crops
        settings |= {"track_frames": frames}
        id = model.id if model else None
        snapshot = self._store.publish(segments, frames, id, settings, recipe=self._spec.as_json())
        self._explain_missing_children(snapshot)
        return snapshot

    def extract_features(self, starts: Starts) -> None:
        """Compute and store the features that are missing."""
        files = {features_file_name(video, segment): ids for video, (segment, ids) in starts.items() if ids}
        missing = {name: ids for name, ids in files.items() if not self._features_path(name).exists()}
        tasks = map(self._extraction_task, portions(missing))
        extracted = (name for task, _ in self._map(extract_features, tasks) for name in task.files)
        for _ in self._report.stage("features", extracted, len(missing)):
            pass

    def cluster_model(self, starts: Starts, refit: bool = False) -> ClusterModel:
        """Return the current model of these settings; fit one to these starts where there is none, or on `refit`."""
        key = digest("fit of", self._extractor.digest, self._settings.digest)
        model = None if refit else current_model(self._folder.fits, key)
        if model is None:
            model = self._fit(starts)
            save_model(self._folder.fits, model)
            set_current_model(self._folder.fits, key, model)
        return model

    def assign(self, model: ClusterModel, starts: Starts) -> dict[str, int]:
        """Return the parent number of every start; starts that are new to the model are assigned and stored."""
        known = self._store.assigned_starts(model.id)
        new = {video: entry for video, entry in starts.items() if any(id not in known for id in entry[1])}
        for video, numbers in self._report.stage("parents", self._assigned(model, new), len(new)):
            pairs = zip(new[video][1], numbers, strict=True)
            known |= {id: number for id, number in pairs if number != UNCLUSTERED}
        assigned = {id: known[id] for _, ids in new.values() for id in ids if id in known}
        self._store.write_parents(model.id, assigned)
        return {id: known[id] for _, ids in starts.values() for id in ids if id in known}

    def link(self, model: ClusterModel, numbers: Mapping[str, int], starts: Starts) -> list[str]:
        """Return the segments of INTER edges of every parent that is large enough; compute those that are new.

        Copies that one parent finds are copies in all parents, so some parents are linked a second time.
        """
        tasks = self._link_tasks(model, numbers, starts)
        linked = self._linked("children", tasks)
        canonical = canonical_videos(copy for parent in linked for copy in parent.copies)
        if canonical:
            counted = f"{len(canonical)} of {len(starts)}"
            self._report.note(f"Videos that repeat another (COPY), and count as one video with it: {counted}.")
        known = [with_known_duplicates(task, parent, canonical) for task, parent in zip(tasks, linked, strict=True)]
        return [parent.segment for parent in self._linked("copies", known)]

    def canonical_videos(self, model: ClusterModel, starts: Starts) -> dict[str, str]:
        """Map every video that repeats the footage of others, as this model finds, to its canonical video."""
        tasks = self._link_tasks(model, self.assign(model, starts), starts)
        return canonical_videos(copy for parent in self._linked("children", tasks) for copy in parent.copies)

    def _fit(self, starts: Starts) -> ClusterModel:
        """Fit a model to a sample of these starts; the features of the sample are all that is in memory."""
        rows = [(video, row) for video in sorted(starts) for row in range(len(starts[video][1]))]
        settings = resolve(self._settings, videos=len(starts), starts=len(rows), whiten=self._extractor.whiten)
        chosen = [rows[i] for i in sample_starts(len(rows), settings)]
        wanted = [(features_file_name(video, starts[video][0]), row) for video, row in chosen]
        features = read_rows(self._folder.features, self._extractor.digest, wanted)
        ids = [starts[video][1][row] for video, row in rows]
        return fit_cluster_model(ids, features, self._extractor.digest, settings)

    def _assigned(self, model: ClusterModel, starts: Starts) -> Iterator[tuple[str, list[int]]]:
        videos = {features_file_name(video, segment): video for video, (segment, _) in starts.items()}
        tasks = assign_tasks(list(videos), model.id, self._folder.fits, self._folder.features, model.extractor)
        for task, numbers in self._map(assign_videos, tasks):
            yield from zip((videos[name] for name in task.names), numbers, strict=True)

    def _linked(self, stage: str, tasks: Sequence[LinkTask]) -> list[LinkedParent]:
        """Look up the results of these tasks in the graph; compute the others, and store each when it is done."""
        linked = self._store.segments_by_inputs([task.inputs for task in tasks])
        new = [task for task in tasks if task.inputs not in linked]
        for task, inter in self._report.stage(stage, self._map(link_parent, new), len(new)):
            linked[task.inputs] = LinkedParent(self._store.write_inter(inter), inter.copies)
        return [linked[task.inputs] for task in tasks]

    def _map(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[T, R]]:
        """Run the tasks; the first error that a task ends in is raised."""
        for task, result in self._engine.map(function, tasks):
            if isinstance(result, Exception):
                raise result
            yield task, result

    def _features_path(self, name: str) -> Path:
        return features_path(self._folder.features, self._extractor.digest, name)

    def _extraction_task(self, portion: Mapping[str, list[str]]) -> ExtractionTask:
        locations = self._store.pixels([id for ids in portion.values() for id in ids])
        files = {name: [locations[id] for id in ids] for name, ids in portion.items()}
        return ExtractionTask(files, self._folder.archive, self._folder.features, self._spec, self._extractor.digest)

    def _link_tasks(self, model: ClusterModel, numbers: Mapping[str, int], starts: Starts) -> list[LinkTask]:
        takes = {}
        if model.settings.same_video == "shot":
            takes = self._store.takes([segment for segment, _ in starts.values()])
        members: dict[int, list[Member]] = defaultdict(list)
        for video, (segment, ids) in starts.items():
            file = features_file_name(video, segment)
            for row, id in enumerate(ids):
                if id in numbers:
                    members[numbers[id]].append(Member(id, file, row))
        least = model.settings.min_parent_size or 1
        kept = {number: sorted(of) for number, of in sorted(members.items()) if len(of) >= least}
        if not kept:
            largest = max(map(len, members.values()), default=0)
            self._report.note(
                "There are no INTER edges, because no parent cluster is large enough: the largest of "
                f"{len(members)} has {largest} starts, and min-parent-size is {least}. Ingest more videos, "
                "or lower --min-parent-size."
            )
        return [self._link_task(model, number, of, takes) for number, of in kept.items()]

    def _link_task(
        self, model: ClusterModel, number: int, members: list[Member], takes: Mapping[str, Take]
    ) -> LinkTask:
        parent = parent_id(model.id, number)
        known = {member.id: takes[member.id] for member in members if member.id in takes}
        facts = (f"{id} {take.shot} {take.thing} {take.time}" for id, take in known.items())
        inputs = digest("link", parent, model.settings.digest, *(member.id for member in members), *facts)
        folder = self._folder
        return LinkTask(parent, inputs, members, folder.features, folder.views, folder.fits, model.id, takes=known)

    def _explain_missing_children(self, snapshot: Snapshot) -> None:
        counts = snapshot.counts
        if counts.parents and not counts.inter:
            self._report.note(
                f"There are no INTER edges, because none of {counts.parents} parents holds a child cluster: no four "
                "starts are all among each other's nearest neighbors. Ingest more videos, or raise --neighbors."
            )
