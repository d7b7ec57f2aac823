"""Draw contact sheets: panels of captioned pictures under a title. This module knows pixels, not the graph."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from math import ceil
from pathlib import Path
from typing import Any
from unicodedata import combining, normalize

from PIL import Image, ImageDraw, ImageFont

from foundation.errors import CannotWrite
from foundation.files import atomic_write
from ingest.errors import IngestError
from ingest.model import Box

PAPER = (255, 255, 255)
EMPTY = (240, 240, 242)
INK = (24, 24, 27)
FAINT = (105, 105, 115)
START = (255, 106, 0)
"""Color of the box of a track's start, on its frame: orange."""
END = (0, 153, 255)
"""Color of the box of a track's end: blue."""

MARGIN = 28
GAP = 24
"""Pixels between two panels."""
INSET = 6
"""Pixels between two pictures of a panel, and between a picture and its caption."""
TITLE, HEADING, DETAIL, SMALL = 22, 15, 13, 12
"""Font sizes in pixels. In these sizes the spaces of Pillow's font are wide enough."""
LEADING = 1.4
"""Height of a line of text, as a multiple of the font size."""
FORMATS: dict[str, dict[str, Any]] = {
    ".png": {"format": "PNG", "optimize": True},
    ".jpg": {"format": "JPEG", "quality": 80, "optimize": True},
    ".jpeg": {"format": "JPEG", "quality": 80, "optimize": True},
}

JPEG_SIDE = 65_500
"""Largest width or height, in pixels, that libjpeg can write."""
EXTRA_CHARACTERS = "·…"
"""Characters beside ASCII that sheets use and Pillow's font has. It draws the same box for any other."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image with a line of text below it, cut off at the image's width."""

    image: Image.Image
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """A row of pictures that belong together, under a heading and a line of detail in gray."""

    heading: str
    detail: str
    pictures: Sequence[Picture]
    facts: dict[str, Any] = field(default_factory=dict)
    """What the panel shows, for the output in JSON."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Panels in `columns` columns, row by row, under a title and lines of detail."""

    title: str
    details: Sequence[str]
    panels: Sequence[Panel]
    columns: int


def check_destination(path: Path) -> None:
    """Raise IngestError where no sheet can be written to `path`, before the work is done."""
    if path.suffix.lower() not in FORMATS:
        problem = f"its name ends in {path.suffix!r}" if path.suffix else "its name has no suffix"
        raise _cannot_write(path, f"{problem}. Name it *.png or *.jpg")
    if path.is_dir():
        raise _cannot_write(path, "it is a folder. Name a file in it")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise _cannot_write(path, f"there is no folder {folder}. Create it, or choose another folder with --out")
    if not os.access(folder, os.W_OK):
        raise _cannot_write(path, f"you may not write to {folder}. Choose another folder with --out")


def save(image: Image.Image, path: Path) -> None:
    """Write all of the image or nothing, in the format of the suffix. Raises IngestError."""
    options = FORMATS[path.suffix.lower()]
    if options["format"] == "JPEG" and max(image.size) > JPEG_SIDE:
        size = f"{image.width}×{image.height} pixels are more than the {JPEG_SIDE} of a JPEG"
        raise _cannot_write(path, f"{size}. Name it *.png, or lower --count")
    try:
        with atomic_write(path) as file:
            image.save(file, **options)
    except CannotWrite as failure:
        reason = failure.error.strerror or failure.error
        raise _cannot_write(path, f"{reason}. Choose another file with --out") from failure


def _cannot_write(path: Path, reason: str) -> IngestError:
    return IngestError(f"The sheet {path} cannot be written: {reason}.")


def draw(sheet: Sheet) -> Image.Image:
    """Draw the sheet as an RGB image, as large as its panels need."""
    width = max(panel_width(panel) for panel in sheet.panels)
    height = max(panel_height(panel) for panel in sheet.panels)
    columns = min(sheet.columns, len(sheet.panels))
    rows = ceil(len(sheet.panels) / columns)
    top = MARGIN + line_height(TITLE) + INSET + len(sheet.details) * line_height(DETAIL) + GAP
    text_width = max(font_of(DETAIL).getlength(text) for text in sheet.details)
    content_width = max(columns * (width + GAP) - GAP, ceil(text_width))
    size = (2 * MARGIN + content_width, top + rows * (height + GAP) - GAP + MARGIN)
    image = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(image)
    write(pen, (MARGIN, MARGIN), sheet.title, TITLE, INK, content_width)
    for number, text in enumerate(sheet.details):
        at = MARGIN + line_height(TITLE) + INSET + number * line_height(DETAIL)
        write(pen, (MARGIN, at), text, DETAIL, FAINT, content_width)
    for number, panel in enumerate(sheet.panels):
        row, column = divmod(number, columns)
        draw_panel(image, pen, panel, MARGIN + column * (width + GAP), top + row * (height + GAP), width)
    return image


def draw_panel(image: Image.Image, pen: ImageDraw.ImageDraw, panel: Panel, x: int, y: int, width: int) -> None:
    write(pen, (x, y), panel.heading, HEADING, INK, width)
    write(pen, (x, y + line_height(HEADING)), panel.detail, SMALL, FAINT, width)
    y += line_height(HEADING) + line_height(SMALL) + INSET
    for picture in panel.pictures:
        image.paste(picture.image, (x, y))
        write(pen, (x, y + picture.image.height + INSET), picture.caption, SMALL, FAINT, picture.image.width)
        x += picture.image.width + INSET


def panel_width(panel: Panel) -> int:
    return sum(picture.image.width + INSET for picture in panel.pictures) - INSET


def panel_height(panel: Panel) -> int:
    captions = INSET + line_height(SMALL) if any(picture.caption for picture in panel.pictures) else 0
    pictures = max(picture.image.height for picture in panel.pictures) + captions
    return line_height(HEADING) + line_height(SMALL) + INSET + pictures


def line_height(size: int) -> int:
    return round(size * LEADING)


def write(
    pen: ImageDraw.ImageDraw, at: tuple[int, int], text: str, size: int, color: tuple[int, int, int], width: int
) -> None:
    """Write one line of text, shortened where it is wider than `width` pixels."""
    font = font_of(size)
    shown = text = "".join(
        char if char.isascii() or char in EXTRA_CHARACTERS else "?" for char in without_accents(text)
    )
    while text and pen.textlength(shown, font) > width:
        text = text[:-1]
        shown = text.rstrip() + "…"
    pen.text(at, shown, color, font)


def without_accents(text: str) -> str:
    return "".join(char for char in normalize("NFD", text) if not combining(char))


@cache
def font_of(size: int) -> ImageFont.FreeTypeFont:
    """Load Pillow's own font, so that sheets are the same on every machine."""
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont), "this build of Pillow has no FreeType"
    return font


def crop_picture(jpeg: bytes, side: int, caption: str = "") -> Picture:
    """Scale a crop to `side`×`side`."""
    return Picture(_decoded(jpeg).resize((side, side), Image.Resampling.LANCZOS), caption)


def frame_picture(
    jpeg: bytes, video_width: int, boxes: Sequence[tuple[Box, tuple[int, int, int]]], height: int, caption: str = ""
) -> Picture:
    """Draw colored boxes, given in pixels of the video, on a whole frame, and center it on a tile of 4:3."""
    frame = _decoded(jpeg)
    width = height * 4 // 3
    scale = min(width / frame.width, height / frame.height)
    frame = frame.resize((round(frame.width * scale), round(frame.height * scale)), Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(frame)
    for box, color in boxes:
        corners = [round(at * frame.width / video_width) for at in (box.x, box.y, box.x + box.side, box.y + box.side)]
        pen.rectangle(corners, outline=INK, width=4)
        pen.rectangle([corners[0] + 1, corners[1] + 1, corners[2] - 1, corners[3] - 1], outline=color, width=2)
    tile = Image.new("RGB", (width, height), EMPTY)
    tile.paste(frame, ((width - frame.width) // 2, (height - frame.height) // 2))
    return Picture(tile, caption)


def _decoded(jpeg: bytes) -> Image.Image:
    return Image.open(io.BytesIO(jpeg)).convert("RGB")
