"""Contact sheets: where pictures and text are drawn, and where a sheet can be written."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from ingest.contact_sheets import drawing
from ingest.contact_sheets.drawing import END, PAPER, START, Panel, Picture, Sheet
from ingest.errors import IngestError
from ingest.model import Box

RED = (255, 0, 0)


def picture(width: int = 40, height: int = 30, caption: str = "") -> Picture:
    return Picture(Image.new("RGB", (width, height), RED), caption)


def sheet(panels: list[Panel], columns: int = 2, title: str = "title", details: tuple[str, ...] = ("detail",)) -> Sheet:
    return Sheet(title, details, panels, columns)


def reds(image: Image.Image) -> set[tuple[int, int]]:
    return {(x, y) for x in range(image.width) for y in range(image.height) if image.getpixel((x, y)) == RED}


def inked(image: Image.Image) -> int:
    """Count the pixels that are not white paper."""
    colors = image.getcolors(image.width * image.height)
    assert colors is not None
    return sum(count for count, color in colors if color != PAPER)


def jpeg(width: int, height: int) -> bytes:
    body = io.BytesIO()
    Image.new("RGB", (width, height), (0, 0, 0)).save(body, "JPEG")
    return body.getvalue()


def test_pictures_are_complete_and_do_not_overlap_or_touch_the_margin() -> None:
    panels = [Panel("heading", "detail", [picture(), picture(50, 20)]) for _ in range(5)]
    image = drawing.draw(sheet(panels))
    found = reds(image)
    assert len(found) == 5 * (40 * 30 + 50 * 20)
    assert min(x for x, _ in found) == drawing.MARGIN
    assert max(x for x, _ in found) < image.width - drawing.MARGIN
    assert max(y for _, y in found) < image.height - drawing.MARGIN


def test_panels_are_placed_row_by_row_and_the_sheet_is_as_wide_as_they_need() -> None:
    panels = [Panel("", "", [picture(400)]) for _ in range(3)]
    assert drawing.draw(sheet(panels, columns=2)).width == 2 * drawing.MARGIN + 2 * 400 + drawing.GAP
    assert drawing.draw(sheet(panels[:1], columns=2)).width == 2 * drawing.MARGIN + 400


def test_a_sheet_is_at_least_as_wide_as_its_details() -> None:
    panels = [Panel("", "", [picture()])]
    short = drawing.draw(sheet(panels))
    long = drawing.draw(sheet(panels, details=("many words " * 20,)))
    assert long.width > short.width
    assert long.height == short.height


def test_text_wider_than_its_place_is_shortened() -> None:
    def caption(text: str) -> int:
        return inked(drawing.draw(sheet([Panel("", "", [picture(caption=text)])])))

    assert caption("") < caption("one") < caption("one caption")
    assert caption("one caption that is long") == caption("one caption that is long, and longer still")


def test_text_stays_inside_its_panel() -> None:
    long = "a name that is long enough for every place there is " * 5
    wide = drawing.draw(sheet([Panel(long, long, [picture(caption=long)])] * 2))
    assert wide.width == drawing.draw(sheet([Panel("", "", [picture()])] * 2)).width
    left, right = drawing.MARGIN + 40, drawing.MARGIN + 40 + drawing.GAP
    between = wide.crop((left, drawing.MARGIN + drawing.line_height(drawing.TITLE), right, wide.height))
    assert inked(between) == 0


def test_characters_that_the_font_lacks_are_replaced() -> None:
    def heading(text: str) -> bytes:
        return drawing.draw(sheet([Panel(text, "", [picture(200)])])).tobytes()

    assert heading("Café") == heading("Cafe")
    assert heading("門") == heading("?")


def test_boxes_are_drawn_at_their_place_in_the_video() -> None:
    box = Box(320, 180, 160)
    drawn = drawing.frame_picture(jpeg(320, 240), 640, [(Box(0, 0, 100), END), (box, START)], height=120).image
    assert drawn.size == (160, 120)
    # A quarter of the video's pixels: the box's left edge is at 80, its top at 45; each edge is a few pixels wide.
    assert {drawn.getpixel((80 + inset, 60)) for inset in range(4)} >= {START}
    assert {drawn.getpixel((100, 45 + inset)) for inset in range(4)} >= {START}
    assert {drawn.getpixel((inset, 10)) for inset in range(4)} >= {END}
    assert drawn.getpixel((100, 65)) == (0, 0, 0)


def test_frames_of_every_shape_get_tiles_of_one_size() -> None:
    for size in ((640, 272), (96, 320), (50, 50)):
        assert drawing.frame_picture(jpeg(*size), size[0], [], height=120).image.size == (160, 120)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".JPG"])
def test_the_suffix_decides_the_format(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"sheet{suffix}"
    drawing.check_destination(path)
    drawing.save(drawing.draw(sheet([Panel("", "", [picture()])])), path)
    with Image.open(path) as written:
        assert written.format == ("PNG" if suffix == ".png" else "JPEG")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "message"),
    [("sheet.gif", "'.gif'"), ("sheet", "no suffix"), ("missing/sheet.png", "no folder"), ("folder.png", "a folder")],
)
def test_an_unusable_destination_is_an_error(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(IngestError, match=message):
        drawing.check_destination(tmp_path / name)


def test_a_sheet_too_long_for_a_jpeg_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"\*\.png, or lower --count"):
        drawing.save(Image.new("RGB", (1, 65_501)), tmp_path / "sheet.jpg")
    assert list(tmp_path.iterdir()) == []
    drawing.save(Image.new("RGB", (1, 65_500)), tmp_path / "sheet.jpg")


def test_a_png_can_hold_four_hundred_parents(tmp_path: Path) -> None:
    tall = drawing.draw(sheet([Panel("Parent", "detail", [picture(8, 104, "name")])] * 400, columns=1))
    assert tall.height > drawing.JPEG_SIDE
    drawing.save(tall, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as written:
        assert written.size == tall.size


def test_a_failed_write_leaves_no_file(tmp_path: Path) -> None:
    taken = tmp_path / "sheet.png"
    taken.mkdir()
    (taken / "file").touch()
    with pytest.raises(IngestError, match="cannot be written"):
        drawing.save(Image.new("RGB", (8, 8)), taken)
    assert list(tmp_path.iterdir()) == [taken]
