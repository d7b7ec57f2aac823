"""Graph and data folder against each other, and against every rule of the design; mends what an interruption left."""

from __future__ import annotations

from contextlib import ExitStack

from rich.console import Console

from foundation.data_folder import DataFolder
from graphdb.archive.writer import is_locked, writer_lock
from graphdb.connect import reach
from graphdb.consistency.content_ids import check_contents
from graphdb.consistency.data_folder import check_features, check_fits, check_orphans, check_shards, check_temporary
from graphdb.consistency.findings import Findings
from graphdb.consistency.images import ImageCheck
from graphdb.consistency.queries import CheckStore
from graphdb.consistency.report import Meter
from graphdb.consistency.rules import check_leftovers, check_rules
from graphdb.errors import StoreMismatch
from graphdb.store.connection import SECONDS
from graphdb.store.ownership import relation, require_own_database

BUSY = (
    "A command is writing to this folder. What it has not finished is not looked at, and what it changes meanwhile "
    "may look like a problem: check again when it has ended."
)
LATER = "Check again when the ingest has ended."
FINISHES = "`affinity forget` with the same video finishes it, as does the next ingest."
EMPTY = "This data folder holds no graph yet: there is nothing to check."


def check(folder: DataFolder, console: Console, *, mend: bool = False) -> Findings:
    """Look at everything; with `mend`, remove what an interruption left. Without it, nothing is written.

    Memory stays bounded whatever the size of the graph. Raises GraphUnavailable, ForeignData, StoreMismatch, and with
    `mend` ArchiveLocked and CannotWrite.
    """
    findings = Findings()
    with reach(folder, CheckStore, timeout=SECONDS) as store, ExitStack() as stack:
        if not same_store(store, folder):
            findings.notes.append(EMPTY)
            return findings
        if mend:
            stack.enter_context(writer_lock(folder.archive))
        busy = not mend and is_locked(folder.archive)
        check_schema(store, findings, mend)
        check_rules(store, findings)
        check_contents(store, findings)
        images = check_images(store, folder, findings, console)
        check_fits(folder, findings, mend)
        if busy or (not mend and is_locked(folder.archive)):
            findings.mark_unreliable(BUSY, LATER)
            return findings
        check_leftovers(store, findings, mend)
        check_forgetting(store, findings)
        check_temporary(folder, findings, mend)
        check_features(folder, store, findings, mend)
        unused = sorted(shard for shard, end in store.shards().items() if end and shard not in images.shards)
        spare = images.overrun or findings.damaged
        check_orphans(store, unused, spare, findings, mend)
        check_shards(folder, store.shards(), spare, findings, mend)
    return findings


def same_store(store: CheckStore, folder: DataFolder) -> bool:
    """Whether graph and folder belong together; not while both are new. Raises ForeignData, StoreMismatch."""
    require_own_database(store)
    found = relation(store, folder)
    if found.kind == "apart":
        raise StoreMismatch(folder.root, found.in_folder, store.uri, found.in_graph)
    return found.kind == "one"


def check_schema(store: CheckStore, findings: Findings, mend: bool) -> None:
    missing = store.missing_indexes()
    findings.count("schema", 1)
    findings.add("schema", "Every constraint and index is there.", missing, "--repair makes it.", mend)
    if missing and mend:
        store.ensure_schema()


def check_forgetting(store: CheckStore, findings: Findings) -> None:
    """What a forget that was cut has left can only be finished: the successors of snapshots are not ours to make."""
    findings.add("leftover", "No video is left half forgotten.", list(store.forgotten()), FINISHES)


def check_images(store: CheckStore, folder: DataFolder, findings: Findings, console: Console) -> ImageCheck:
    counts = store.counts()
    images = ImageCheck(store, folder.archive)
    with Meter(console, counts["patches"] + counts["frames"]) as meter:
        images.run(findings, meter)
    findings.notes.append(meter.summary)
    return images
