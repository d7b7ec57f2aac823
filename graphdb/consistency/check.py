"""Check a graph and its data folder against each other and against the rules of the design, and repair leftovers."""

from __future__ import annotations

from contextlib import ExitStack

from rich.console import Console

from foundation.data_folder import DataFolder
from graphdb.archive.writer import is_locked, writer_lock
from graphdb.connect import open_store
from graphdb.consistency.content_ids import check_content_ids
from graphdb.consistency.data_folder import check_features, check_fits, check_orphans, check_shards, check_unfinished
from graphdb.consistency.findings import Findings
from graphdb.consistency.images import ImageCheck
from graphdb.consistency.queries import CheckStore
from graphdb.consistency.report import ProgressMeter
from graphdb.consistency.rules import check_leftovers, check_rules
from graphdb.errors import StoreMismatch
from graphdb.store.connection import WHOLE_GRAPH_SECONDS
from graphdb.store.ownership import relation, require_own_database

BUSY = (
    "A command is writing to this folder. What it has not finished was not checked, and what it changes meanwhile may "
    "look like a problem: check again when it has ended."
)
LATER = "Check again when the ingest has ended."
FINISHES = "`affinity forget` with the same video finishes it, as does the next ingest."
EMPTY = "This data folder holds no graph yet: there is nothing to check."


def check(folder: DataFolder, console: Console, *, repair: bool = False) -> Findings:
    """Check everything. With `repair`, remove what an interruption left; without it, write nothing.

    The memory that this needs does not grow with the graph. Raises GraphUnavailable, ForeignData, StoreMismatch, and
    with `repair` ArchiveLocked and CannotWrite.
    """
    findings = Findings()
    with open_store(folder, CheckStore, timeout=WHOLE_GRAPH_SECONDS) as store, ExitStack() as stack:
        if not has_graph(store, folder):
            findings.notes.append(EMPTY)
            return findings
        if repair:
            stack.enter_context(writer_lock(folder.archive))
        busy = not repair and is_locked(folder.archive)
        check_schema(store, findings, repair)
        check_rules(store, findings)
        check_content_ids(store, findings)
        images = check_images(store, folder, findings, console)
        check_fits(folder, findings, repair)
        if busy or (not repair and is_locked(folder.archive)):
            findings.mark_unreliable(BUSY, LATER)
            return findings
        check_leftovers(store, findings, repair)
        check_forgetting(store, findings)
        check_unfinished(folder, findings, repair)
        check_features(folder, store, findings, repair)
        orphans = sorted(shard for shard, end in store.shards().items() if end and shard not in images.shards)
        keep_images = images.beyond_end or findings.damaged
        check_orphans(store, orphans, keep_images, findings, repair)
        check_shards(folder, store.shards(), keep_images, findings, repair)
    return findings


def has_graph(store: CheckStore, folder: DataFolder) -> bool:
    """Return False while neither the database nor the folder holds anything.

    Raises ForeignData, and StoreMismatch if graph and folder do not belong together.
    """
    require_own_database(store)
    found = relation(store, folder)
    if found.kind == "mismatch":
        raise StoreMismatch(folder.root, found.in_folder, store.uri, found.in_graph)
    return found.kind == "same"


def check_schema(store: CheckStore, findings: Findings, repair: bool) -> None:
    missing = store.missing_indexes()
    findings.count("schema", 1)
    findings.add("schema", "Every constraint and index is there.", missing, "--repair creates it.", repair)
    if missing and repair:
        store.ensure_schema()


def check_forgetting(store: CheckStore, findings: Findings) -> None:
    """Look for videos that are half forgotten. Only `affinity forget` can finish that: it makes new snapshots."""
    findings.add("leftover", "No video is left half forgotten.", list(store.forgotten()), FINISHES)


def check_images(store: CheckStore, folder: DataFolder, findings: Findings, console: Console) -> ImageCheck:
    counts = store.counts()
    images = ImageCheck(store, folder.archive)
    with ProgressMeter(console, counts["patches"] + counts["frames"]) as meter:
        images.run(findings, meter)
    findings.notes.append(meter.summary)
    return images
