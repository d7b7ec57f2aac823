"""Export one epoch of triplets to files: tar shards for WebDataset, or Parquet.

The batches come from a running service. A file holds the pairs of consecutive positions and is written whole or not at
all, so an interrupted export goes on with the first file that is missing.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from api.client.http import TripletClient
from api.errors import ApiError
from api.sampling.order import Mix
from api.wire.triplets import TripletBatch
from foundation.files import atomic_write

SETTINGS_FILE = "export.json"
ROLES = ("anchor", "positive", "negative")


@dataclass(frozen=True, kw_only=True)
class Export:
    """The settings of an export: which epoch of which order, and into which files.

    A request asks for `batch` pairs, which determines the negatives of `negatives=batch`. A file holds `pairs` pairs,
    or a few more.
    """

    snapshot: str
    format: str
    epoch: int
    seed: int
    mix: str
    negatives: str
    batch: int
    pairs: int

    def files(self, first_kind: int) -> list[range]:
        """Return the positions of each file, as the starts of its requests.

        `first_kind` is the number of pairs of the mix's first kind, which make an epoch. The first and the last file
        may also cover pairs of the epochs beside this one, which `rows_of_epoch` leaves out.
        """
        mix = Mix.parse(self.mix)
        # Begin with the block of the last pair of the epoch before: pairs of other kinds may follow it there.
        begin = max(0, self.epoch * first_kind - 1) // mix.weights[0] * mix.block
        end = -(-(self.epoch + 1) * first_kind // mix.weights[0]) * mix.block
        step = -(-self.pairs // self.batch) * self.batch
        return [range(at, min(at + step, end), self.batch) for at in range(begin, end, step)]


def files_of(client: TripletClient, wanted: Export) -> list[range]:
    """Return the positions of each file. Raises MixError, MixUnavailable, and what the client raises."""
    mix, counts = Mix.parse(wanted.mix), client.snapshot(wanted.snapshot)["counts"]
    mix.require(counts)
    return wanted.files(counts[mix.kinds[0]])


def export(client: TripletClient, wanted: Export, files: Sequence[range], folder: Path) -> Iterator[Path]:
    """Write the missing `files` of the epoch (from `files_of`) to the folder; yield each path once its file exists.

    Raises ApiError if the folder holds another export, CannotWrite, and what the client raises.
    """
    claim(folder, wanted)
    write = WRITERS[wanted.format]
    for number, positions in enumerate(files):
        path = folder / f"{number:06d}.{SUFFIX[wanted.format]}"
        if not path.exists():
            batches = [fetch(client, wanted, position) for position in positions]
            with atomic_write(path) as file:
                write(file, [row for batch in batches for row in rows_of_epoch(batch, wanted.epoch)])
        yield path


def claim(folder: Path, wanted: Export) -> None:
    """Store the settings of the export in its folder. Raises ApiError if the folder holds other ones."""
    path, content = folder / SETTINGS_FILE, json.dumps(asdict(wanted), indent=2).encode() + b"\n"
    if not path.exists():
        with atomic_write(path) as file:
            file.write(content)
    elif path.read_bytes() != content:
        raise ApiError(
            f"The folder {folder} holds the export of another snapshot, order or format, as its {SETTINGS_FILE} says. "
            "Choose another folder, or repeat the options of that export."
        )


def fetch(client: TripletClient, wanted: Export, position: int) -> TripletBatch:
    order: dict[str, Any] = {"seed": wanted.seed, "mix": wanted.mix, "negatives": wanted.negatives}
    return client.triplets(wanted.snapshot, position=position, count=wanted.batch, **order)


Row = dict[str, Any]
"""A triplet: position, kind, and the id, group and JPEG of each of ROLES."""


def rows_of_epoch(batch: TripletBatch, epoch: int) -> Iterator[Row]:
    """Yield the triplets of a batch that are of this epoch."""
    images = (batch.anchor_idx.tolist(), batch.positive_idx.tolist(), batch.negative_idx.tolist())
    ids = (batch.anchor_id, batch.positive_id, batch.negative_id)
    groups = (batch.anchor_group, batch.positive_group, batch.negative_group)
    for i in (batch.epoch == epoch).nonzero()[0].tolist():
        row: Row = {"position": int(batch.position[i]), "kind": batch.kind[i]}
        for role, image, id, group in zip(ROLES, images, ids, groups, strict=True):
            row |= {f"{role}_id": id[i], f"{role}_group": group[i], f"{role}_jpeg": bytes(batch.images[image[i]])}
        yield row


def write_webdataset(file: BinaryIO, rows: Sequence[Row]) -> None:
    """Write samples named by position: `.anchor.jpg`, `.positive.jpg`, `.negative.jpg`, and `.json` with the rest."""
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for row in rows:
            metadata = {name: value for name, value in row.items() if not name.endswith("_jpeg")}
            members = {f"{role}.jpg": row[f"{role}_jpeg"] for role in ROLES}
            for name, content in {**members, "json": json.dumps(metadata).encode()}.items():
                member = tarfile.TarInfo(f"{row['position']:012d}.{name}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def write_parquet(file: BinaryIO, rows: Sequence[Row]) -> None:
    """Write one row a triplet. JPEGs are not compressed again."""
    import pyarrow as pa
    import pyarrow.parquet

    table = pa.Table.from_pylist(list(rows))
    jpegs = [name for name in table.column_names if name.endswith("_jpeg")]
    codecs = {name: "none" if name in jpegs else "zstd" for name in table.column_names}
    pyarrow.parquet.write_table(table, file, compression=codecs, use_dictionary=["kind"])


WRITERS: dict[str, Callable[[BinaryIO, Sequence[Row]], None]] = {
    "webdataset": write_webdataset,
    "parquet": write_parquet,
}
SUFFIX = {"webdataset": "tar", "parquet": "parquet"}
