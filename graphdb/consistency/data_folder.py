"""What lies in the data folder beside the images: features, fits, and what an interruption left there."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np

from foundation.data_folder import DataFolder
from foundation.files import half_written, writing
from graphdb.archive.shards import cut_uncommitted, shard_size, uncommitted
from graphdb.consistency.findings import REMOVES, Findings
from graphdb.consistency.queries import CheckStore

BATCH = 1000
SPARED = (
    "Nothing removes them while the graph is damaged: they may be images that it should point to. Settle that first, "
    "and do not ingest before: it would cut them off."
)
REFIT = "`affinity cluster --refit` makes a new one."


def check_shards(folder: DataFolder, ends: Mapping[str, int], spare: bool, findings: Findings, mend: bool) -> None:
    """Shards are as long as the graph says. Longer ones are cut where `mend` allows it; shorter ones are damage.

    With `spare`, what is past the ends is not to be cut: it may be what a damaged graph should point to.
    """
    mend = mend and not spare
    findings.count("shards", len(ends))
    short = [shard for shard, end in ends.items() if shard_size(folder.archive, shard) < end]
    findings.add("shards", "A shard is as long as the graph says.", short)
    extra = uncommitted(folder.archive, ends)
    findings.add(
        "shards",
        "No shard goes on past what was committed.",
        named(extra, folder),
        SPARED if spare else REMOVES,
        mend,
    )
    if mend:
        cut_uncommitted(folder.archive, ends)


def check_orphans(store: CheckStore, unused: Sequence[str], spare: bool, findings: Findings, mend: bool) -> None:
    """Shards that nothing points into take room for nothing, unless it is the graph that lost what did."""
    mend = mend and not spare
    findings.add("shards", "Something points into every shard.", unused, SPARED if spare else REMOVES, mend)
    if unused and mend:
        store.sweep_shards(unused)


def check_temporary(folder: DataFolder, findings: Findings, mend: bool) -> None:
    """Files that were being written when their writer died."""
    places = [folder.archive, folder.features, *folder.features.glob("*/"), folder.fits, folder.views]
    left = half_written(folder.root, folder.store_file.name) + [path for at in places for path in half_written(at)]
    findings.add("leftover", "No file is left half written.", named(left, folder), REMOVES, mend)
    if mend:
        remove(left)


def check_features(folder: DataFolder, store: CheckStore, findings: Findings, mend: bool) -> None:
    """Features have a row for each start of their segment; others are removed, and made again by the next ingest."""
    files = iter(folder.features.glob("*/*.npy"))
    wrong: list[Path] = []
    while batch := list(islice(files, BATCH)):
        findings.count("features", len(batch))
        # A file is called <video>-<segment>.npy.
        segments = {path: path.stem.rpartition("-")[2] for path in batch}
        starts = store.segment_starts(sorted(set(segments.values())))
        for path, segment in segments.items():
            rows = rows_of(path)
            if rows is None or rows != starts.get(segment):
                wrong.append(path)
    cure = "--repair removes the file, and the next ingest makes it again."
    findings.add("features", "Features have a row for each start of their segment.", named(wrong, folder), cure, mend)
    if mend:
        remove(wrong)


def rows_of(path: Path) -> int | None:
    """Rows of a feature file, by its header and its length; None where it cannot be read."""
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return len(rows) if rows.ndim == 2 and rows.dtype == np.float16 else None


def check_fits(folder: DataFolder, findings: Findings, mend: bool) -> None:
    """Centroid fits can be read whole, and those in force are there; a damaged one that is not, nobody needs."""
    fits = sorted(folder.fits.glob("*.npz"))
    findings.count("fits", len(fits))
    in_force = {path: path.read_text(errors="replace").strip() for path in sorted(folder.fits.glob("*.current"))}
    damaged = [path for path in fits if not is_whole(path)]
    needed = [path for path in damaged if path.stem in in_force.values()]
    unused = [path for path in damaged if path not in needed]
    cure = f"{REFIT} Then, --repair removes what is left of this one."
    findings.add("fits", "The fit in force can be read.", named(needed, folder), cure)
    findings.add("fits", "No fit is left that cannot be read.", named(unused, folder), REMOVES, mend)
    names = {path.stem for path in fits}
    lost = [path for path, id in in_force.items() if id not in names]
    findings.add("fits", "The fit in force is there.", named(lost, folder), REFIT)
    if mend:
        remove(unused)


def is_whole(path: Path) -> bool:
    try:
        with ZipFile(path) as file:
            return file.testzip() is None
    except (OSError, BadZipFile):
        return False


def named(paths: Sequence[Path] | Mapping[Path, int], folder: DataFolder) -> list[str]:
    return [os.fspath(path.relative_to(folder.root)) for path in paths]


def remove(paths: Sequence[Path]) -> None:
    for path in paths:
        with writing(path):
            path.unlink(missing_ok=True)
