"""From stored tracks to a published snapshot: describe, fit, assign, link (Sec. 4.2).

Each step asks the graph and the data folder what is done already, so a run that was cut goes on where it was, and new
videos cost only the parents that they touch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any

from foundation.data_folder import DataFolder
from graphdb.model import LinkedParent, Snapshot, digest, parent_id
from graphdb.store.graph import GraphStore
from ingest.clustering.cluster_model import ClusterModel, current_fit, make_fit, sample, save_fit, set_current_fit
from ingest.clustering.defaults import describe, scaled
from ingest.clustering.kmeans import UNCLUSTERED
from ingest.clustering.near_duplicates import originals
from ingest.clustering.tasks import LinkTask, Member, link, place, place_tasks, with_known_duplicates
from ingest.engine.base import Engine
from ingest.features.base import Extractor
from ingest.features.extraction import ExtractionTask, extract_features, portions
from ingest.features.factory import cached_extractor
from ingest.features.storage import features_file_name, features_path, read_rows
from ingest.progress import Report
from ingest.settings import ClusterSettings, ExtractorSpec

Starts = Mapping[str, tuple[str, list[str]]]
"""Of every video: its intra segment, and the ids of its starts in order."""


class GraphBuilder:
    """Clusters and links the tracks of one length, with one extractor and one set of settings."""

    def __init__(
        self,
        store: GraphStore,
        folder: DataFolder,
        engine: Engine,
        extractor: ExtractorSpec,
        settings: ClusterSettings,
        report: Report,
    ) -> None:
        self._store = store
        self._folder = folder
        self._engine = engine
        self._recipe = extractor
        self._settings = settings
        self._report = report

    @cached_property
    def _extractor(self) -> Extractor:
        # Only when it is needed: what was described already is linked without its weights.
        return cached_extractor(self._recipe)

    def describe(self, starts: Starts) -> None:
        """Compute the features that are missing."""
        path = self._folder.features
        files = {features_file_name(video, segment): ids for video, (segment, ids) in starts.items() if ids}
        missing = {
            name: ids for name, ids in files.items() if not features_path(path, self._extractor.digest, name).exists()
        }
        for _ in self._report.stage("features", self._described(missing), len(missing)):
            pass

    def fit(self, starts: Starts, refit: bool = False) -> ClusterModel:
        """The centroids in force for these settings; made from these starts where there are none, or on `refit`."""
        key = digest("fit of", self._extractor.digest, self._settings.digest)
        fit = None if refit else current_fit(self._folder.fits, key)
        if fit is None:
            fit = self._new_fit(starts)
            save_fit(self._folder.fits, fit)
            set_current_fit(self._folder.fits, key, fit)
        return fit

    def assign(self, fit: ClusterModel, starts: Starts) -> dict[str, int]:
        """The parent of every start under the fit; those that are new to it are placed and stored."""
        known = self._store.assigned_starts(fit.id)
        new = {video: entry for video, entry in starts.items() if any(id not in known for id in entry[1])}
        for video, numbers in self._report.stage("parents", self._placed(fit, new), len(new)):
            pairs = zip(new[video][1], numbers, strict=True)
            known |= {id: number for id, number in pairs if number != UNCLUSTERED}
        placed = {id: known[id] for _, ids in new.values() for id in ids if id in known}
        self._store.write_parents(fit.id, placed)
        return {id: known[id] for _, ids in starts.values() for id in ids if id in known}

    def link(self, fit: ClusterModel, numbers: Mapping[str, int], starts: Starts) -> list[str]:
        """The segments of INTER edges of every parent that is large enough; computed where its members changed.

        What one parent finds to be copies are copies in all of them, so some may have to be linked once more.
        """
        tasks = self._link_tasks(fit, numbers, starts)
        alone = self._linked("children", tasks)
        every = originals(copy for linked in alone for copy in linked.copies)
        if every:
            counted = f"{len(every)} of {len(starts)}"
            self._report.note(f"Videos that repeat another (COPY), and compete as one with it: {counted}.")
        together = [with_known_duplicates(task, linked, every) for task, linked in zip(tasks, alone, strict=True)]
        return [linked.segment for linked in self._linked("copies", together)]

    def originals(self, fit: ClusterModel, starts: Starts) -> dict[str, str]:
        """Of every video that is found to repeat the footage of others under this fit: the one that stands for them."""
        tasks = self._link_tasks(fit, self.assign(fit, starts), starts)
        return originals(copy for linked in self._linked("children", tasks) for copy in linked.copies)

    def _linked(self, stage: str, tasks: Sequence[LinkTask]) -> list[LinkedParent]:
        """What the graph holds of these tasks; what it does not is computed, and stored as it comes."""
        linked = self._store.segments_by_inputs([task.inputs for task in tasks])
        new = [task for task in tasks if task.inputs not in linked]
        for task, result in self._report.stage(stage, self._engine.map(link, new), len(new)):
            if isinstance(result, Exception):
                raise result
            linked[task.inputs] = LinkedParent(self._store.write_inter(result), result.copies)
        return [linked[task.inputs] for task in tasks]

    def publish(self, starts: Starts, frames: int, refit: bool = False, **settings: Any) -> Snapshot:
        """Cluster, link and publish these starts. An empty graph of INTER edges is published too, and said."""
        segments = [segment for segment, _ in starts.values()]
        fit = None
        if any(ids for _, ids in starts.values()):
            self.describe(starts)
            fit = self.fit(starts, refit)
            used = (f"{choice.setting} {choice.value} (paper: {choice.paper})" for choice in describe(fit.settings)[:4])
            self._report.say("clustering: " + ", ".join(used))
            segments += self.link(fit, self.assign(fit, starts), starts)
            settings |= {"features": self._extractor.name, "clustering": asdict(fit.settings)}
            if self._recipe.crops:
                settings["crops"] = self._recipe.crops
        settings |= {"track_frames": frames}
        id = fit.id if fit else None
        snapshot = self._store.publish(segments, frames, id, settings, recipe=self._recipe.as_json())
        self._explain(snapshot)
        return snapshot

    def _placed(self, fit: ClusterModel, starts: Starts) -> Iterator[tuple[str, list[int]]]:
        videos = {features_file_name(video, segment): video for video, (segment, _) in starts.items()}
        tasks = place_tasks(list(videos), fit.id, self._folder.fits, self._folder.features, fit.extractor)
        for task, result in self._engine.map(place, tasks):
            if isinstance(result, Exception):
                raise result
            yield from zip((videos[name] for name in task.names), result, strict=True)

    def _described(self, missing: Mapping[str, list[str]]) -> Iterator[str]:
        tasks = (self._describe_task(portion) for portion in portions(missing))
        for task, result in self._engine.map(extract_features, tasks):
            if isinstance(result, Exception):
                raise result
            yield from task.files

    def _describe_task(self, portion: Mapping[str, list[str]]) -> ExtractionTask:
        where = self._store.pixels([id for ids in portion.values() for id in ids])
        files = {name: [where[id] for id in ids] for name, ids in portion.items()}
        return ExtractionTask(files, self._folder.archive, self._folder.features, self._recipe, self._extractor.digest)

    def _new_fit(self, starts: Starts) -> ClusterModel:
        """A fit to a sample of these starts; only the sample's features are read, as memory is bounded by it."""
        places = [(video, row) for video in sorted(starts) for row in range(len(starts[video][1]))]
        settings = scaled(self._settings, videos=len(starts), starts=len(places), whiten=self._extractor.whiten)
        chosen = [places[i] for i in sample(len(places), settings)]
        rows = [(features_file_name(video, starts[video][0]), row) for video, row in chosen]
        features = read_rows(self._folder.features, self._extractor.digest, rows)
        return make_fit([starts[video][1][row] for video, row in places], features, self._extractor.digest, settings)

    def _link_tasks(self, fit: ClusterModel, numbers: Mapping[str, int], starts: Starts) -> list[LinkTask]:
        members: dict[int, list[Member]] = defaultdict(list)
        for video, (segment, ids) in starts.items():
            file = features_file_name(video, segment)
            for row, id in enumerate(ids):
                if id in numbers:
                    members[numbers[id]].append(Member(id, file, row))
        least = fit.settings.members or 1
        kept = {number: sorted(of) for number, of in sorted(members.items()) if len(of) >= least}
        if not kept:
            largest = max(map(len, members.values()), default=0)
            self._report.note(
                f"No parent cluster was kept, so there is no INTER: the largest of {len(members)} has {largest} "
                f"starts, and `members` asks for {least}. Ingest more videos, or lower --members."
            )
        return [self._link_task(fit, number, of) for number, of in kept.items()]

    def _link_task(self, fit: ClusterModel, number: int, members: list[Member]) -> LinkTask:
        parent = parent_id(fit.id, number)
        inputs = digest("link", parent, fit.settings.digest, *(member.id for member in members))
        return LinkTask(parent, inputs, members, self._folder.features, self._folder.views, self._folder.fits, fit.id)

    def _explain(self, snapshot: Snapshot) -> None:
        counts = snapshot.counts
        if counts.parents and not counts.inter:
            self._report.note(
                f"None of {counts.parents} parents holds a child cluster, so there is no INTER: no four starts are "
                "all among each other's nearest neighbors. Ingest more videos, or raise --neighbors."
            )
