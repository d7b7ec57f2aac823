"""Check the files of the data folder: shards, features, cluster models, and what an interruption left."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np

from foundation.data_folder import DataFolder
from foundation.files import unfinished_files, wrap_os_errors
from graphdb.archive.shards import shard_size, truncate_uncommitted, uncommitted
from graphdb.consistency.findings import REMOVES, Findings
from graphdb.consistency.queries import CheckStore

BATCH = 1000
KEPT = (
    "Nothing removes them while the graph is damaged: they may be images that it should point to. Settle that first, "
    "and do not ingest before: it would cut them off."
)
REFIT = "`affinity cluster --refit` makes a new one."


def check_shards(
    folder: DataFolder, ends: Mapping[str, int], keep_images: bool, findings: Findings, repair: bool
) -> None:
    """Check that shards are as long as the graph says. A shorter one is damage; a longer one can be cut.

    `keep_images`: cut nothing, because the graph is damaged, and the images may be those that it should point to.
    """
    repair = repair and not keep_images
    findings.count("shards", len(ends))
    short = [shard for shard, end in ends.items() if shard_size(folder.archive, shard) < end]
    findings.add("shards", "A shard is as long as the graph says.", short)
    extra = uncommitted(folder.archive, ends)
    remedy = KEPT if keep_images else REMOVES
    findings.add("shards", "No shard goes on past what was committed.", relative(extra, folder), remedy, repair)
    if repair:
        truncate_uncommitted(folder.archive, ends)


def check_orphans(
    store: CheckStore, orphans: Sequence[str], keep_images: bool, findings: Findings, repair: bool
) -> None:
    """Report the shards that nothing points into. `keep_images`: do not remove them, as for `check_shards`."""
    repair = repair and not keep_images
    remedy = KEPT if keep_images else REMOVES
    findings.add("shards", "Something points into every shard.", orphans, remedy, repair)
    if orphans and repair:
        store.sweep_shards(orphans)


def check_unfinished(folder: DataFolder, findings: Findings, repair: bool) -> None:
    """Look for files whose writer died."""
    places = [folder.archive, folder.features, *folder.features.glob("*/"), folder.fits, folder.views]
    left = unfinished_files(folder.root, folder.store_file.name)
    left += [path for place in places for path in unfinished_files(place)]
    findings.add("leftover", "No file is left half written.", relative(left, folder), REMOVES, repair)
    if repair:
        remove(left)


def check_features(folder: DataFolder, store: CheckStore, findings: Findings, repair: bool) -> None:
    """Check that a feature file has a row for each start of its segment. The next ingest replaces a removed file."""
    files = iter(folder.features.glob("*/*.npy"))
    wrong: list[Path] = []
    while batch := list(islice(files, BATCH)):
        findings.count("features", len(batch))
        # A file is called <video>-<segment>.npy.
        segments = {path: path.stem.rpartition("-")[2] for path in batch}
        starts = store.segment_starts(sorted(set(segments.values())))
        for path, segment in segments.items():
            rows = row_count(path)
            if rows is None or rows != starts.get(segment):
                wrong.append(path)
    rule = "Features have a row for each start of their segment."
    remedy = "--repair removes the file, and the next ingest makes it again."
    findings.add("features", rule, relative(wrong, folder), remedy, repair)
    if repair:
        remove(wrong)


def row_count(path: Path) -> int | None:
    """Return the number of rows of a feature file, from its header and its length; None if it cannot be read."""
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return len(rows) if rows.ndim == 2 and rows.dtype == np.float16 else None


def check_fits(folder: DataFolder, findings: Findings, repair: bool) -> None:
    """Check that cluster models can be read, and that those in force exist. Damaged ones that are not are removed."""
    fits = sorted(folder.fits.glob("*.npz"))
    findings.count("fits", len(fits))
    in_force = {path: path.read_text(errors="replace").strip() for path in sorted(folder.fits.glob("*.current"))}
    damaged = [path for path in fits if not is_whole(path)]
    needed = [path for path in damaged if path.stem in in_force.values()]
    unused = [path for path in damaged if path not in needed]
    remedy = f"{REFIT} Then, --repair removes what is left of this one."
    findings.add("fits", "The fit in force can be read.", relative(needed, folder), remedy)
    findings.add("fits", "No fit is left that cannot be read.", relative(unused, folder), REMOVES, repair)
    names = {path.stem for path in fits}
    lost = [path for path, id in in_force.items() if id not in names]
    findings.add("fits", "The fit in force is there.", relative(lost, folder), REFIT)
    if repair:
        remove(unused)


def is_whole(path: Path) -> bool:
    try:
        with ZipFile(path) as file:
            return file.testzip() is None
    except (OSError, BadZipFile):
        return False


def relative(paths: Iterable[Path], folder: DataFolder) -> list[str]:
    return [os.fspath(path.relative_to(folder.root)) for path in paths]


def remove(paths: Sequence[Path]) -> None:
    for path in paths:
        with wrap_os_errors(path):
            path.unlink(missing_ok=True)
