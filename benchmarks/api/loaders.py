"""Read pairs of images with loaders of files, to compare the service with them.

A script with an environment of its own (`make bench-loaders`), which imports nothing of the project.
`write NAME PAIRS FOLDER` writes the pairs of a pickle in the format of a loader. `read NAME FOLDER` reads them again
and again as fast as possible: a line of input is a number of seconds, a line of output the number of pairs read in that
time.
"""

from __future__ import annotations

import pickle
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

Pairs = list[tuple[str, bytes, bytes]]
COLUMNS = {"id": "str", "anchor": "bytes", "positive": "bytes"}
CHUNK = "64MB"


def write_webdataset(pairs: Pairs, folder: Path) -> None:
    import webdataset

    with webdataset.ShardWriter(str(folder / "%06d.tar"), maxcount=5_000, verbose=0) as shards:
        for id, anchor, positive in pairs:
            shards.write({"__key__": id, "anchor.jpg": anchor, "positive.jpg": positive})


def read_webdataset(folder: Path) -> Iterable[dict[str, Any]]:
    import webdataset

    return webdataset.WebDataset(sorted(map(str, folder.glob("*.tar"))), shardshuffle=False)  # type: ignore[no-any-return]


def write_mosaic(pairs: Pairs, folder: Path) -> None:
    from streaming import MDSWriter

    with MDSWriter(out=str(folder), columns=COLUMNS, size_limit=CHUNK) as chunks:
        for pair in pairs:
            chunks.write(dict(zip(COLUMNS, pair, strict=True)))


def read_mosaic(folder: Path) -> Iterable[dict[str, Any]]:
    from streaming import StreamingDataset

    return StreamingDataset(local=str(folder), shuffle=True, batch_size=100)  # type: ignore[no-any-return]


def write_litdata(pairs: Pairs, folder: Path) -> None:
    from litdata.streaming.writer import BinaryWriter

    chunks = BinaryWriter(str(folder), chunk_bytes=CHUNK)
    for number, pair in enumerate(pairs):
        chunks[number] = dict(zip(COLUMNS, pair, strict=True))
    chunks.done()
    chunks.merge(1)


def read_litdata(folder: Path) -> Iterable[dict[str, Any]]:
    from litdata import StreamingDataset

    return StreamingDataset(str(folder), shuffle=True)  # type: ignore[no-any-return]


WRITE: dict[str, Callable[[Pairs, Path], None]] = {
    "WebDataset": write_webdataset,
    "Mosaic": write_mosaic,
    "LitData": write_litdata,
}
READ: dict[str, Callable[[Path], Iterable[dict[str, Any]]]] = {
    "WebDataset": read_webdataset,
    "Mosaic": read_mosaic,
    "LitData": read_litdata,
}


def endless(pairs: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    while True:
        yield from pairs


def main(what: str, name: str, *paths: str) -> None:
    if what == "write":
        WRITE[name](pickle.loads(Path(paths[0]).read_bytes()), Path(paths[1]))
        return
    pairs = endless(READ[name](Path(paths[0])))
    for line in sys.stdin:
        count, end = 0, time.perf_counter() + float(line)
        while time.perf_counter() < end:
            next(pairs)
            count += 1
        print(count, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
