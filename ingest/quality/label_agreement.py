"""Label agreement: the share of INTER edges that join one class, beside the share by chance.

Chance is over all pairs of labeled starts of different videos: what random edges would give.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlparse

from graphdb.model import video_of
from graphdb.store.graph import GraphStore
from ingest.errors import IngestError

_Key = Callable[[str], Hashable]

COLUMNS = ("video", "class", "instance", "lookalike")


@dataclass(frozen=True, slots=True)
class Label:
    """What a video shows. Instances of one look-alike group are hard to tell apart, such as two sizes of one model."""

    category: str
    instance: str
    lookalike: str


@dataclass(frozen=True, slots=True)
class Share:
    """`share` of the edges and of pairs by `chance`, with the number of edges counted; None where there are none."""

    share: float | None
    chance: float | None
    edges: int

    @property
    def ratio(self) -> float | None:
        """How many times chance; None where either is unknown or chance is zero."""
        return self.share / self.chance if self.share is not None and self.chance else None


@dataclass(frozen=True, slots=True)
class LabelAgreement:
    """Edges that join one class, instance or look-alike group; `labeled` of `edges` have a label at both ends.

    `same_class_apart` leaves out all pairs of one look-alike group, among the edges and by chance. It is the number to
    quote: similar models of one product make the others too good.
    """

    edges: int
    labeled: int
    same_class: Share
    same_instance: Share
    same_lookalike: Share
    same_class_apart: Share


def label_agreement(store: GraphStore, snapshot: str, labels: Path) -> LabelAgreement:
    """Compute the agreement of a snapshot's INTER edges with a file of labels. Raises IngestError for a bad file."""
    starts = store.snapshot_starts(snapshot)
    files = {video: Path(unquote(urlparse(uri).path)) for video, (uri, _) in starts.items()}
    by_video = labels_of(read_labels(labels), files, labels)
    return edge_agreement(store.snapshot_inter(snapshot), (id for _, ids in starts.values() for id in ids), by_video)


def read_labels(path: Path) -> dict[str, Label]:
    """Read a CSV with the columns COLUMNS: labels by the name of the video, or by the end of its path.

    Raises IngestError.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            columns, rows = reader.fieldnames or (), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _unusable(path, str(error)) from error
    if missing := [name for name in COLUMNS if name not in columns]:
        raise _unusable(path, f"there is no column {' and no column '.join(missing)}")
    named: dict[str, Label] = {}
    for line, row in enumerate(rows, 2):
        if empty := [name for name in COLUMNS if not row[name]]:
            raise _unusable(path, f"line {line} has no {' and no '.join(empty)}")
        if row["video"] in named:
            raise _unusable(path, f"line {line} names {row['video']} again; write it with its folder")
        named[row["video"]] = Label(row["class"], row["instance"], row["lookalike"])
    return named


def labels_of(named: Mapping[str, Label], files: Mapping[str, Path], path: Path) -> dict[str, Label]:
    """Find the label of each video in `files`, by video id; `path` is the file of the labels.

    A video gets the label with the longest name that is an end of its path. A name that fits several videos means the
    one below the folder of the labels. Raises IngestError where this is still ambiguous.
    """
    matching: dict[str, list[str]] = {}
    for video, file in files.items():
        ends = ("/".join(file.parts[-count:]) for count in range(len(file.parts), 0, -1))
        if name := next((end for end in ends if end in named), None):
            matching.setdefault(name, []).append(video)
    return {_only_video(name, videos, files, path): named[name] for name, videos in matching.items()}


def _only_video(name: str, videos: list[str], files: Mapping[str, Path], path: Path) -> str:
    below = [video for video in videos if files[video].is_relative_to(path.resolve().parent)]
    for candidates in (videos, below):
        if len(candidates) == 1:
            return candidates[0]
    raise _unusable(path, f"{name} may be {files[videos[0]]} or {files[videos[1]]}; write it with its folder")


def _unusable(path: Path, reason: str) -> IngestError:
    return IngestError(
        f"The labels {path} cannot be used: {reason}. The file must be a CSV with the columns video, "
        "class, instance and lookalike."
    )


def edge_agreement(
    edges: Iterable[tuple[str, str]], starts: Iterable[str], labels: Mapping[str, Label]
) -> LabelAgreement:
    """Compute the agreement of `edges` (pairs of start ids) among all `starts`; `labels` by video id.

    Videos without a label are left out.
    """
    pairs = [(video_of(a), video_of(b)) for a, b in edges]
    joined = [(a, b) for a, b in pairs if a in labels and b in labels]
    labeled = [video for video in map(video_of, starts) if video in labels]

    def share(same: _Key, apart: _Key) -> Share:
        """Among the pairs that differ in `apart`, count those that are equal in `same`."""
        differing = [(a, b) for a, b in joined if apart(a) != apart(b)]
        agreeing = sum(same(a) == same(b) for a, b in differing)
        possible = _pairs_within(labeled, lambda _: ()) - _pairs_within(labeled, apart)
        by_chance = _pairs_within(labeled, same) - _pairs_within(labeled, lambda v: (same(v), apart(v)))
        return Share(ratio(agreeing, len(differing)), ratio(by_chance, possible), len(differing))

    def itself(video: str) -> Hashable:
        return video

    return LabelAgreement(
        edges=len(pairs),
        labeled=len(joined),
        same_class=share(lambda v: labels[v].category, itself),
        same_instance=share(lambda v: labels[v].instance, itself),
        same_lookalike=share(lambda v: labels[v].lookalike, itself),
        same_class_apart=share(lambda v: labels[v].category, lambda v: labels[v].lookalike),
    )


def _pairs_within(videos: Iterable[str], key: _Key) -> int:
    """Count the pairs of starts, given by their videos, with the same `key`."""
    return sum(n * (n - 1) // 2 for n in Counter(map(key, videos)).values())


def ratio(part: int, whole: int) -> float | None:
    """Divide part by whole; None where the whole is zero."""
    return part / whole if whole else None
