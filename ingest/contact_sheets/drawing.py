"""Contact sheets: panels of captioned pictures under a title, for people to look at. Knows pixels, not the graph."""

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
from ingest.errors import UnusableSheet
from ingest.model import Box

PAPER = (255, 255, 255)
EMPTY = (240, 240, 242)
INK = (24, 24, 27)
FAINT = (105, 105, 115)
START = (255, 106, 0)
"""Color of the box of a start on its frame: orange."""
END = (0, 153, 255)
"""Color of the box of an end: blue."""

MARGIN = 28
GAP = 24
"""Pixels between two panels."""
INSET = 6
"""Pixels between two pictures of a panel, and between a picture and its caption."""
TITLE, HEADING, DETAIL, SMALL = 22, 15, 13, 12
"""Sizes of type, pixels: those at which the spaces of Pillow's typeface come out wide enough."""
LEADING = 1.4
"""Height of a line of type, in sizes."""
FORMATS: dict[str, dict[str, Any]] = {
    ".png": {"format": "PNG", "optimize": True},
    ".jpg": {"format": "JPEG", "quality": 80, "optimize": True},
    ".jpeg": {"format": "JPEG", "quality": 80, "optimize": True},
}

JPEG_SIDE = 65_500
"""The most pixels that libjpeg writes in a row or a column."""
SIGNS = "·…"
"""What Pillow's typeface draws beside ASCII, of what we write; anything else comes out as one and the same box."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image with a line of words below it, cut off at the image's width."""

    image: Image.Image
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """Pictures in a row that belong together, under a heading and a fainter line of detail."""

    heading: str
    detail: str
    pictures: Sequence[Picture]
    facts: dict[str, Any] = field(default_factory=dict)
    """What the panel shows, for programs."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Panels in `columns` columns, row by row, under a title and lines of detail."""

    title: str
    details: Sequence[str]
    panels: Sequence[Panel]
    columns: int


def check_place(path: Path) -> None:
    """Raises UnusableSheet where no sheet can be written: before the work, not after it."""
    if path.suffix.lower() not in FORMATS:
        named = f"its name ends in {path.suffix!r}" if path.suffix else "its name has no suffix"
        raise UnusableSheet(path, f"{named}. Name it *.png or *.jpg")
    if path.is_dir():
        raise UnusableSheet(path, "it is a folder. Name a file in it")
    if not path.absolute().parent.is_dir():
        raise UnusableSheet(path, f"there is no folder {path.absolute().parent}. Make it, or name another with --out")
    if not os.access(path.absolute().parent, os.W_OK):
        raise UnusableSheet(path, f"you may not write to {path.absolute().parent}. Name another folder with --out")


def save(image: Image.Image, path: Path) -> None:
    """Write the image whole or not at all, as what its suffix says. Raises UnusableSheet."""
    saved_as = FORMATS[path.suffix.lower()]
    if saved_as["format"] == "JPEG" and max(image.size) > JPEG_SIDE:
        size = f"{image.width}×{image.height} pixels are more than the {JPEG_SIDE} of a JPEG"
        raise UnusableSheet(path, f"{size}. Name it *.png, or lower --count")
    try:
        with atomic_write(path) as file:
            image.save(file, **saved_as)
    except CannotWrite as failure:
        reason = failure.error.strerror or failure.error
        raise UnusableSheet(path, f"{reason}. Name another place with --out") from failure


def draw(sheet: Sheet) -> Image.Image:
    """The sheet as an RGB image, as large as its panels need."""
    width = max(panel_width(panel) for panel in sheet.panels)
    height = max(panel_height(panel) for panel in sheet.panels)
    columns = min(sheet.columns, len(sheet.panels))
    rows = ceil(len(sheet.panels) / columns)
    top = MARGIN + line(TITLE) + INSET + len(sheet.details) * line(DETAIL) + GAP
    words = max(typeface(DETAIL).getlength(text) for text in sheet.details)
    widest = max(columns * (width + GAP) - GAP, ceil(words))
    size = (2 * MARGIN + widest, top + rows * (height + GAP) - GAP + MARGIN)
    image = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(image)
    write(pen, (MARGIN, MARGIN), sheet.title, TITLE, INK, widest)
    for number, text in enumerate(sheet.details):
        at = MARGIN + line(TITLE) + INSET + number * line(DETAIL)
        write(pen, (MARGIN, at), text, DETAIL, FAINT, widest)
    for number, panel in enumerate(sheet.panels):
        row, column = divmod(number, columns)
        place(image, pen, panel, MARGIN + column * (width + GAP), top + row * (height + GAP), width)
    return image


def place(image: Image.Image, pen: ImageDraw.ImageDraw, panel: Panel, x: int, y: int, width: int) -> None:
    write(pen, (x, y), panel.heading, HEADING, INK, width)
    write(pen, (x, y + line(HEADING)), panel.detail, SMALL, FAINT, width)
    y += line(HEADING) + line(SMALL) + INSET
    for picture in panel.pictures:
        image.paste(picture.image, (x, y))
        write(pen, (x, y + picture.image.height + INSET), picture.caption, SMALL, FAINT, picture.image.width)
        x += picture.image.width + INSET


def panel_width(panel: Panel) -> int:
    return sum(picture.image.width + INSET for picture in panel.pictures) - INSET


def panel_height(panel: Panel) -> int:
    captions = INSET + line(SMALL) if any(picture.caption for picture in panel.pictures) else 0
    return line(HEADING) + line(SMALL) + INSET + max(picture.image.height for picture in panel.pictures) + captions


def line(size: int) -> int:
    return round(size * LEADING)


def write(
    pen: ImageDraw.ImageDraw, at: tuple[int, int], text: str, size: int, color: tuple[int, int, int], width: int
) -> None:
    """One line of words, its end left out where it is wider than `width` pixels."""
    font = typeface(size)
    shown = text = "".join(char if char.isascii() or char in SIGNS else "?" for char in plain(text))
    while text and pen.textlength(shown, font) > width:
        text = text[:-1]
        shown = text.rstrip() + "…"
    pen.text(at, shown, color, font)


def plain(text: str) -> str:
    """The text without its accents."""
    return "".join(char for char in normalize("NFD", text) if not combining(char))


@cache
def typeface(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own: the same on every machine, and so are the sheets."""
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont), "this build of Pillow has no FreeType"
    return font


def crop_picture(jpeg: bytes, side: int, caption: str = "") -> Picture:
    """A crop, scaled to `side`×`side`."""
    return Picture(opened(jpeg).resize((side, side), Image.Resampling.LANCZOS), caption)


def frame_picture(
    jpeg: bytes, video_width: int, boxes: Sequence[tuple[Box, tuple[int, int, int]]], height: int, caption: str = ""
) -> Picture:
    """A whole frame on a tile of 4:3, with colored boxes drawn on it; they count in pixels of the video."""
    frame = opened(jpeg)
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


def opened(jpeg: bytes) -> Image.Image:
    return Image.open(io.BytesIO(jpeg)).convert("RGB")
