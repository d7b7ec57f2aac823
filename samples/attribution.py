"""Write the authors and licenses of all models and photographs of a world."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from backgrounds import CLIP_PHOTOS, HELD_OUT_PHOTOS, Photo
from models import Instance

INTRODUCTION = """\
# Attribution

The clips and images of this folder were rendered by `generate.py` from the models and photographs named here. All
were changed: models were recolored, lit, turned and scaled; photographs were cropped, mirrored, darkened and blurred.
The renderings are offered under CC BY 4.0, which asks to name the authors below.

The models are those of the Debian package `sweethome3d-furniture` 1.8; names, authors and licenses are its catalogs'.
"""


def write_attribution(path: Path, training: Iterable[Instance], held_out: Iterable[Instance]) -> None:
    """Write one row for each model and each photograph, those of the clips first."""
    sections = [
        INTRODUCTION,
        "## Models in the clips\n\n" + _models(training),
        "## Models in the held-out images\n\n" + _models(held_out),
        "## Photographs behind the clips\n\n" + _photos(CLIP_PHOTOS),
        "## Photographs behind the held-out images\n\n" + _photos(HELD_OUT_PHOTOS),
    ]
    path.write_text("\n".join(sections), encoding="utf-8")


def _models(instances: Iterable[Instance]) -> str:
    rows = [
        (instance.id, instance.model.name, instance.model.author, instance.model.file, instance.model.license)
        for instance in instances
    ]
    return _table(("Instance", "Name", "Author", "File", "License"), rows)


def _photos(photos: Iterable[Photo]) -> str:
    rows = [(photo.file, photo.author, photo.package, photo.license) for photo in photos]
    return _table(("File", "Author", "Package", "License"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
