"""Long films that are cut together from the samples: each clip is a shot, and an instance has several in one film.

`python -m benchmarks.films FOLDER [FILMS]` writes the films, by default four.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import av

from ingest.quality.label_agreement import Label, read_labels
from tests.conftest import SAMPLES
from tests.films import cut_together

FILMS = 4
SIZE = (320, 180)
"""As large as the samples."""


@dataclass(frozen=True)
class Film:
    """A film and its shots."""

    path: Path
    clips: list[str]
    """Name of the clip of each shot."""
    begins: list[int]
    """Number of the first frame of each shot."""

    def clip(self, frame: int) -> str:
        """Return the name of the clip that a frame comes from."""
        return self.clips[bisect_right(self.begins, frame) - 1]


def labels() -> dict[str, Label]:
    """Return what each sample clip shows, by its name."""
    return read_labels(SAMPLES / "labels.csv")


def films(folder: Path, count: int = FILMS) -> list[Film]:
    """Write films of all samples; no instance is in two of them."""
    instances: dict[str, list[Path]] = {}
    for name, label in labels().items():
        instances.setdefault(label.instance, []).append(SAMPLES / "videos" / name)
    dealt = [list(instances.values())[number::count] for number in range(count)]
    return [_film(group, folder / f"film-{number}.mp4") for number, group in enumerate(dealt)]


def _film(instances: Sequence[Sequence[Path]], path: Path) -> Film:
    """Cut a film: first one clip of each instance, then the second of each, and so on."""
    clips = [clip for one_round in zip(*instances, strict=True) for clip in one_round]
    return Film(
        cut_together(clips, path, SIZE), [clip.name for clip in clips], [0, *accumulate(map(_frames, clips))][:-1]
    )


def _frames(clip: Path) -> int:
    with av.open(str(clip)) as container:
        return container.streams.video[0].frames


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    films(target, int(sys.argv[2]) if len(sys.argv) > 2 else FILMS)
