"""What lies in the data folder beside the images: features, fits, and what an interruption left there."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np

from graphdb.archive import cut_uncommitted, shard_size, uncommitted
from graphdb.checks.findings import REMOVES, Findings
from graphdb.checks.reading import CheckStore
from graphdb.files import TEMPORARY, writing
from graphdb.settings import DataFolder

BATCH = 1000


def check_shards(folder: DataFolder, ends: Mapping[str, int], findings: Findings, mend: bool) -> None:
    """Shards are as long as the graph says. Longer ones are cut where `mend` allows it; shorter ones are damage."""
    findings.count("shards", len(ends))
    short = [shard for shard, end in ends.items() if shard_size(folder.archive, shard) < end]
    findings.add("shards", "A shard is as long as the graph says.", short)
    extra = uncommitted(folder.archive, ends)
    findings.add("shards", "No shard goes on past what was committed.", named(extra, folder), REMOVES, mend)
    if mend:
        cut_uncommitted(folder.archive, ends)


def check_orphans(store: CheckStore, unused: Sequence[str], findings: Findings, mend: bool) -> None:
    """Shards that nothing points into take room for nothing."""
    findings.add("shards", "Something points into every shard.", unused, REMOVES, mend)
    if unused and mend:
        store.sweep_shards(unused)


def check_temporary(folder: DataFolder, findings: Findings, mend: bool) -> None:
    """Files that were being written when their writer died."""
    places = [folder.root, folder.archive, folder.features, *folder.features.glob("*/"), folder.fits]
    left = [path for place in places for path in sorted(place.glob(f"*{TEMPORARY}"))]
    findings.add("leftover", "No file is left half written.", named(left, folder), REMOVES, mend)
    if mend:
        remove(left)


def check_features(folder: DataFolder, store: CheckStore, findings: Findings, mend: bool) -> None:
    """Features have a row for each start of their video; others are removed, and made again by the next ingest."""
    files = iter(folder.features.glob("*/*.npy"))
    wrong: list[Path] = []
    while batch := list(islice(files, BATCH)):
        findings.count("features", len(batch))
        starts = store.current_starts(sorted({path.stem for path in batch}))
        wrong += [path for path in batch if rows_of(path) != starts.get(path.stem)]
    cure = "--mend removes the file, and the next ingest makes it again."
    findings.add("features", "Features have a row for each start of their video.", named(wrong, folder), cure, mend)
    if mend:
        remove(wrong)


def rows_of(path: Path) -> int | None:
    """Rows of a feature file, by its header and its length; None where it cannot be read."""
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return len(rows) if rows.ndim == 2 and rows.dtype == np.float16 else None


def check_fits(folder: DataFolder, findings: Findings) -> None:
    """Centroid fits can be read whole, and those in force are there."""
    fits = sorted(folder.fits.glob("*.npz"))
    findings.count("fits", len(fits))
    cure = "`affinity cluster --refit` makes a new one."
    damaged = [path for path in fits if not is_whole(path)]
    findings.add("fits", "A fit can be read.", named(damaged, folder), cure)
    pointers = sorted(folder.fits.glob("*.current"))
    lost = [path for path in pointers if not (folder.fits / f"{path.read_text().strip()}.npz").exists()]
    findings.add("fits", "The fit in force is there.", named(lost, folder), cure)


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
