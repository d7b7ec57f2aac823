"""TODO."""

from __future__ import annotations

from foundation.data_folder import DataFolder
from graphdb.model import Snapshot
from graphdb.store.deletion import RemovalStore
from ingest.clustering.builder import GraphBuilder, Starts
from ingest.clustering.cluster_model import load_fit
from ingest.engine.base import Engine
from ingest.errors import DamagedFit, IngestError, UnknownExtractor
from ingest.features.factory import cached_extractor
from ingest.features.storage import features_file_name, features_path
from ingest.progress import Report
from ingest.settings import ExtractorSpec


def follow(successor: str | None) -> str:
    return f"{successor} takes its place" if successor else "nothing takes its place"


def succeed(snapshot: Snapshot, store: RemovalStore, folder: DataFolder, engine: Engine, report: Report) -> str | None:
    """Publish what is left of an ended snapshot, linked anew under the same fit and settings; the id of that.

    None where no track is left, or the fit or the extractor is not there any more.
    """
    rest = store.remaining_starts(snapshot.id)
    if not any(starts for _, starts in rest.values()):
        return None
    segments = [segment for segment, _ in rest.values()]
    if snapshot.fit:
        try:
            segments += link(snapshot, rest, store, folder, engine, report)
        except (DamagedFit, UnknownExtractor) as error:
            report.note(f"Snapshot {snapshot.id} has ended, and nothing takes its place: {error}")
            return None
    about = snapshot.frames, snapshot.fit, snapshot.settings
    return store.publish(segments, *about, recipe=snapshot.recipe, replaces=snapshot.id).id


def link(
    snapshot: Snapshot,
    rest: Starts,
    store: RemovalStore,
    folder: DataFolder,
    engine: Engine,
    report: Report,
) -> list[str]:
    """The segments of INTER edges of what is left of a snapshot: those that are there, and those still to compute."""
    fit = load_fit(folder.fits, snapshot.fit or "")
    recipe = recipe_of(snapshot)
    linker = GraphBuilder(store, folder, engine, recipe, fit.settings, report)
    files = (features_file_name(video, segment) for video, (segment, ids) in rest.items() if ids)
    if not all(features_path(folder.features, fit.extractor, name).exists() for name in files):
        require_extractor(recipe, fit.extractor)
        linker.describe(rest)
    return linker.link(fit, linker.assign(fit, rest), rest)


def recipe_of(snapshot: Snapshot) -> ExtractorSpec:
    """How its extractor is asked for again. Settings alone name no file of weights."""
    if snapshot.recipe:
        return ExtractorSpec.of(snapshot.recipe)
    return ExtractorSpec(features=str(snapshot.settings["features"]), crops=snapshot.settings.get("crops"))


def require_extractor(recipe: ExtractorSpec, digest: str) -> None:
    """Raises UnknownExtractor where the recipe does not lead to the extractor with this digest any more."""
    try:
        found = cached_extractor(recipe).digest
    except IngestError as error:
        raise UnknownExtractor(recipe.features, [str(error)]) from error
    if found != digest:
        raise UnknownExtractor(recipe.features, [f"the one with the digest {digest}, whose weights are not known here"])
