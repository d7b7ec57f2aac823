"""How pure the INTER edges are, where labels exist: the share that joins one class, beside the share by chance.

Chance is over all pairs of labeled starts from different videos, which is what linking at random would give.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from graphdb.model import video_of
from ingest.errors import BadLabels

_Key = Callable[[str], Hashable]

COLUMNS = ("video", "class", "instance", "lookalike")


@dataclass(frozen=True, slots=True)
class Label:
    """What a video shows. Instances of one look-alike group can hardly be told apart, as two sizes of one model."""

    kind: str
    instance: str
    lookalike: str


@dataclass(frozen=True, slots=True)
class Share:
    """`share` of the edges and of pairs by `chance`, with the number of edges looked at; None where there are none."""

    share: float | None
    chance: float | None
    edges: int

    @property
    def ratio(self) -> float | None:
        """How many times chance; None if either is unknown or chance is zero."""
        return self.share / self.chance if self.share is not None and self.chance else None


@dataclass(frozen=True, slots=True)
class EdgeQuality:
    """Edges that join one class, instance or look-alike group; `labeled` of `edges` have a label at both ends.

    `same_class_apart` leaves out all pairs of one look-alike group, among the edges and by chance: the honest headline.
    """

    edges: int
    labeled: int
    same_class: Share
    same_instance: Share
    same_lookalike: Share
    same_class_apart: Share


def read_labels(path: Path) -> dict[str, Label]:
    """What the file calls a video, a name or the end of a path, to its label; from a CSV with the columns of COLUMNS.

    Raises BadLabels.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            columns, rows = reader.fieldnames or (), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadLabels(path, str(error)) from error
    if missing := [name for name in COLUMNS if name not in columns]:
        raise BadLabels(path, f"it has no column {' and no column '.join(missing)}")
    named: dict[str, Label] = {}
    for line, row in enumerate(rows, 2):
        if empty := [name for name in COLUMNS if not row[name]]:
            raise BadLabels(path, f"line {line} has no {' and no '.join(empty)}")
        if row["video"] in named:
            raise BadLabels(path, f"line {line} names {row['video']} again; write it with its folder")
        named[row["video"]] = Label(row["class"], row["instance"], row["lookalike"])
    return named


def labels_of(named: Mapping[str, Label], files: Mapping[str, Path], path: Path) -> dict[str, Label]:
    """The labels by video id, of videos that lie in `files`; `path` is where the labels were read.

    A video takes the label whose name is the longest end of its path. Where a name fits several videos, it means the
    one below the folder of the labels. Raises BadLabels where that leaves it open.
    """
    fitting: dict[str, list[str]] = {}
    for video, file in files.items():
        ends = ("/".join(file.parts[-count:]) for count in range(len(file.parts), 0, -1))
        if name := next((end for end in ends if end in named), None):
            fitting.setdefault(name, []).append(video)
    return {_meant(name, videos, files, path): named[name] for name, videos in fitting.items()}


def _meant(name: str, videos: list[str], files: Mapping[str, Path], path: Path) -> str:
    below = [video for video in videos if files[video].is_relative_to(path.resolve().parent)]
    for candidates in (videos, below):
        if len(candidates) == 1:
            return candidates[0]
    raise BadLabels(path, f"{name} may be {files[videos[0]]} or {files[videos[1]]}; write it with its folder")


def edge_quality(edges: Iterable[tuple[str, str]], starts: Iterable[str], labels: Mapping[str, Label]) -> EdgeQuality:
    """Judge INTER `edges` (pairs of start ids) among all `starts`; `labels` by video id, unlabeled videos left out."""
    pairs = [(video_of(a), video_of(b)) for a, b in edges]
    joined = [(a, b) for a, b in pairs if a in labels and b in labels]
    shown = [video for video in map(video_of, starts) if video in labels]

    def share(same: _Key, apart: _Key) -> Share:
        """Among pairs that differ by `apart`, those that agree by `same`."""
        differing = [(a, b) for a, b in joined if apart(a) != apart(b)]
        agreeing = sum(same(a) == same(b) for a, b in differing)
        possible = _pairs_within(shown, lambda _: ()) - _pairs_within(shown, apart)
        by_chance = _pairs_within(shown, same) - _pairs_within(shown, lambda v: (same(v), apart(v)))
        return Share(ratio(agreeing, len(differing)), ratio(by_chance, possible), len(differing))

    def itself(video: str) -> Hashable:
        return video

    return EdgeQuality(
        edges=len(pairs),
        labeled=len(joined),
        same_class=share(lambda v: labels[v].kind, itself),
        same_instance=share(lambda v: labels[v].instance, itself),
        same_lookalike=share(lambda v: labels[v].lookalike, itself),
        same_class_apart=share(lambda v: labels[v].kind, lambda v: labels[v].lookalike),
    )


def _pairs_within(videos: Iterable[str], key: _Key) -> int:
    """Pairs of starts, given by their videos, that agree by `key`."""
    return sum(n * (n - 1) // 2 for n in Counter(map(key, videos)).values())


def ratio(part: int, whole: int) -> float | None:
    """The share that a part is of the whole; None of nothing."""
    return part / whole if whole else None
