"""One epoch of the order as files, for training loops that are elsewhere: tar shards that WebDataset reads, or Parquet.

Pulled from a service like any other reader's batches. A file holds the pairs of consecutive positions and is written
whole or not at all, so an export that was cut goes on with the first file that is missing.
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
from api.errors import OtherExport
from api.sampling.order import Mix
from api.wire.triplets import TripletBatch
from foundation.files import atomic_write

ABOUT = "export.json"
ROLES = ("anchor", "positive", "negative")


@dataclass(frozen=True, kw_only=True)
class Export:
    """What is exported: epoch number `epoch` of an order. `batch` pairs are asked for at a time, which decides the
    negatives of `negatives=batch`; `pairs` go into a file, or a few more."""

    snapshot: str
    format: str
    epoch: int
    seed: int
    mix: str
    negatives: str
    batch: int
    pairs: int

    def files(self, first_kind: int) -> list[range]:
        """The positions of each file, as starts of requests; `first_kind` pairs of the mix's first kind are an epoch.

        A block of the mix may hold pairs of two epochs: of the first and last file, only those of this one are kept.
        """
        mix = Mix.parse(self.mix)
        # From the block of the epoch before's last pair on: pairs of other kinds may follow it there.
        begin = max(0, self.epoch * first_kind - 1) // mix.weights[0] * mix.block
        end = -(-(self.epoch + 1) * first_kind // mix.weights[0]) * mix.block
        step = -(-self.pairs // self.batch) * self.batch
        return [range(at, min(at + step, end), self.batch) for at in range(begin, end, step)]


def files_of(client: TripletClient, wanted: Export) -> list[range]:
    """The positions of each file. Raises MixError, MixUnavailable, and what the client raises."""
    mix, counts = Mix.parse(wanted.mix), client.snapshot(wanted.snapshot)["counts"]
    mix.require(counts)
    return wanted.files(counts[mix.kinds[0]])


def export(client: TripletClient, wanted: Export, files: Sequence[range], folder: Path) -> Iterator[Path]:
    """Write the epoch, whose `files_of` these are, into the folder; each file that is there, one after another.

    Raises OtherExport where the folder holds another export, CannotWrite, and what the client raises.
    """
    claim(folder, wanted)
    write = WRITERS[wanted.format]
    for number, positions in enumerate(files):
        path = folder / f"{number:06d}.{SUFFIX[wanted.format]}"
        if not path.exists():
            batches = [fetch(client, wanted, position) for position in positions]
            with atomic_write(path) as file:
                write(file, [row for batch in batches for row in rows(batch, wanted.epoch)])
        yield path


def claim(folder: Path, wanted: Export) -> None:
    """Make the folder this export's. Raises OtherExport where it is another's."""
    about, content = folder / ABOUT, json.dumps(asdict(wanted), indent=2).encode() + b"\n"
    if not about.exists():
        with atomic_write(about) as file:
            file.write(content)
    elif about.read_bytes() != content:
        raise OtherExport(folder)


def fetch(client: TripletClient, wanted: Export, position: int) -> TripletBatch:
    order: dict[str, Any] = {"seed": wanted.seed, "mix": wanted.mix, "negatives": wanted.negatives}
    return client.triplets(wanted.snapshot, position=position, count=wanted.batch, **order)


Row = dict[str, Any]
"""A triplet: position, kind, and of each of ROLES its id, group and JPEG."""


def rows(batch: TripletBatch, epoch: int) -> Iterator[Row]:
    """The triplets of a batch that are of this epoch."""
    images = (batch.anchor_idx.tolist(), batch.positive_idx.tolist(), batch.negative_idx.tolist())
    ids = (batch.anchor_id, batch.positive_id, batch.negative_id)
    groups = (batch.anchor_group, batch.positive_group, batch.negative_group)
    for i in (batch.epoch == epoch).nonzero()[0].tolist():
        row: Row = {"position": int(batch.position[i]), "kind": batch.kind[i]}
        for role, image, id, group in zip(ROLES, images, ids, groups, strict=True):
            row |= {f"{role}_id": id[i], f"{role}_group": group[i], f"{role}_jpeg": bytes(batch.images[image[i]])}
        yield row


def write_webdataset(file: BinaryIO, of_file: Sequence[Row]) -> None:
    """Samples named by position: `.anchor.jpg`, `.positive.jpg`, `.negative.jpg`, and `.json` with the rest."""
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for row in of_file:
            about = {name: value for name, value in row.items() if not name.endswith("_jpeg")}
            members = {f"{role}.jpg": row[f"{role}_jpeg"] for role in ROLES}
            for name, content in {**members, "json": json.dumps(about).encode()}.items():
                member = tarfile.TarInfo(f"{row['position']:012d}.{name}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def write_parquet(file: BinaryIO, of_file: Sequence[Row]) -> None:
    """A row a triplet. Images are JPEG already, and are not compressed again."""
    import pyarrow as pa
    import pyarrow.parquet

    table = pa.Table.from_pylist(list(of_file))
    jpegs = [name for name in table.column_names if name.endswith("_jpeg")]
    codecs = {name: "none" if name in jpegs else "zstd" for name in table.column_names}
    pyarrow.parquet.write_table(table, file, compression=codecs, use_dictionary=["kind"])


WRITERS: dict[str, Callable[[BinaryIO, Sequence[Row]], None]] = {
    "webdataset": write_webdataset,
    "parquet": write_parquet,
}
SUFFIX = {"webdataset": "tar", "parquet": "parquet"}
