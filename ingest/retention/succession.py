"""Succession: publish what is left of a snapshot that ended, because one of its videos was forgotten."""

from __future__ import annotations

from graphdb.model import Snapshot
from ingest.clustering.builder import GraphBuilder, Starts
from ingest.clustering.cluster_model import load_model
from ingest.context import Context
from ingest.errors import DamagedClusterModel, ExtractorChanged, IngestError
from ingest.features.factory import cached_extractor
from ingest.features.storage import features_file_name, features_path
from ingest.settings import ExtractorSpec


def succession_text(successor: str | None) -> str:
    return f"{successor} takes its place" if successor else "nothing takes its place"


def publish_successor(snapshot: Snapshot, context: Context) -> str | None:
    """Link what is left of an ended snapshot with the same cluster model and settings; publish it and return its id.

    Returns None where no track is left, or where the cluster model or the extractor is not available any more.
    """
    rest = context.store.remaining_starts(snapshot.id)
    if not any(starts for _, starts in rest.values()):
        return None
    segments = [segment for segment, _ in rest.values()]
    if snapshot.fit:
        try:
            segments += _link(snapshot, snapshot.fit, rest, context)
        except (DamagedClusterModel, ExtractorChanged) as error:
            context.report.note(f"Snapshot {snapshot.id} has ended, and nothing takes its place: {error}")
            return None
    published = segments, snapshot.frames, snapshot.fit, snapshot.settings
    return context.store.publish(*published, recipe=snapshot.recipe, replaces=snapshot.id).id


def _link(snapshot: Snapshot, fit: str, rest: Starts, context: Context) -> list[str]:
    """Return the segments of INTER edges of what is left of a snapshot; compute those that are missing."""
    features = context.folder.features
    model = load_model(context.folder.fits, fit)
    spec = extractor_spec(snapshot)
    builder = GraphBuilder(context, spec, model.settings)
    files = (features_file_name(video, segment) for video, (segment, ids) in rest.items() if ids)
    if not all(features_path(features, model.extractor, name).exists() for name in files):
        require_extractor(spec, model.extractor)
        builder.extract_features(rest)
    return builder.link(model, builder.assign(model, rest), rest)


def extractor_spec(snapshot: Snapshot) -> ExtractorSpec:
    """Return how to load the extractor of a snapshot. The settings alone do not name a file of weights."""
    if snapshot.recipe:
        return ExtractorSpec.of(snapshot.recipe)
    return ExtractorSpec(features=str(snapshot.settings["features"]), crops=snapshot.settings.get("crops"))


def require_extractor(spec: ExtractorSpec, digest: str) -> None:
    """Raise ExtractorChanged where the extractor cannot be loaded, or is not the one with this digest."""
    try:
        found = cached_extractor(spec).digest
    except IngestError as error:
        raise ExtractorChanged(spec.features, str(error)) from error
    if found != digest:
        raise ExtractorChanged(spec.features, f"its digest is {found} now, and was {digest}")
