"""Copies: the same footage under other bytes, encoded again, cropped, at another rate or cut short.

Two starts of copies are near-identical whatever they show, and would be joined as look-alikes. They are told by their
views: the whole frame of a start, small and gray. An object may look like another, the frame around it does not.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from graphdb.files import whole_file, writing
from graphdb.model import Copy, frame_number, video_of
from ingest.errors import DamagedViews

View: TypeAlias = NDArray[np.uint8]

WIDTH, HEIGHT = 32, 18
"""Pixels of a view: enough for what a frame is composed of, too few for what moves in it to matter."""

_ZOOMS = (1.0, 1.06, 1.12)
"""How much of a frame's sides a copy may have lost: one is looked for in the other at these sizes."""
_MARGIN = 1
"""Pixels of a view that is not enlarged which are cut off, so that it can be shifted."""
_ROUGH = 0.3
"""Correlation of two views as they lie at least, to be compared with care: six views of seven have less."""
_FLAT = 2.0
"""Standard deviation of a view, in gray levels, below which it shows nothing that could be compared."""
_ROW = np.dtype([("frame", "<u4"), ("view", "u1", (HEIGHT, WIDTH))])


def view_of(image: NDArray[np.uint8]) -> View:
    """A frame (H×W×3 BGR, or H×W gray) as its view, HEIGHT×WIDTH gray; its shape is not kept."""
    small = cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return cast(View, small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_BGR2GRAY))


def similarity(a: View, b: View) -> float:
    """How well one view fits into the other: the correlation, from −1 to 1, where they fit best; 0 for a blank one."""
    if min(a.std(), b.std()) < _FLAT:
        return 0.0
    rough = float(cv2.matchTemplate(a, b, cv2.TM_CCOEFF_NORMED).max())
    if rough < _ROUGH:
        return rough
    return max(_fit(part, whole, zoom) for part, whole in ((a, b), (b, a)) for zoom in _ZOOMS)


def _fit(part: View, whole: View, zoom: float) -> float:
    if zoom == 1:
        part = part[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
        if part.std() < _FLAT:
            return 0.0
    else:
        part = cast(View, cv2.resize(part, (round(WIDTH / zoom), round(HEIGHT / zoom)), interpolation=cv2.INTER_AREA))
    return float(cv2.matchTemplate(whole, part, cv2.TM_CCOEFF_NORMED).max())


def views_path(folder: Path, video: str) -> Path:
    return folder / f"{video}.npy"


def keep_views(folder: Path, video: str, views: Mapping[int, View]) -> None:
    """Keep the views of a video by the number of their frame, beside those it has. Raises CannotWrite, DamagedViews."""
    every = read_views(folder, video) | dict(views)
    content = io.BytesIO()
    np.save(content, np.array(sorted(every.items(), key=lambda row: row[0]), _ROW))
    with whole_file(views_path(folder, video)) as file:
        file.write(content.getbuffer())


def drop_views(folder: Path, video: str) -> None:
    """Forget the views of a video. Raises CannotWrite."""
    path = views_path(folder, video)
    with writing(path):
        path.unlink(missing_ok=True)


def read_views(folder: Path, video: str) -> dict[int, View]:
    """The views of a video by the number of their frame; none where nothing was kept. Raises DamagedViews."""
    path = views_path(folder, video)
    try:
        rows = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, EOFError) as error:
        raise DamagedViews(path, str(error)) from error
    if rows.dtype != _ROW:
        raise DamagedViews(path, "it holds no views")
    return dict(zip(rows["frame"].tolist(), rows["view"], strict=True))


def copies(folder: Path, edges: Iterable[tuple[str, str, float]], least: float) -> list[Copy]:
    """The pairs of videos among `edges` (start, start, …) whose views are at least `least` alike, the lower id first.

    A start without a view is nobody's copy. Raises DamagedViews.
    """
    pairs = [(a, b) for a, b, _ in edges]
    views = _views(folder, {start for pair in pairs for start in pair})
    found: dict[tuple[str, str], float] = {}
    for a, b in pairs:
        if a not in views or b not in views:
            continue
        alike = similarity(views[a], views[b])
        pair = (min(video_of(a), video_of(b)), max(video_of(a), video_of(b)))
        if alike >= max(least, found.get(pair, least)):
            found[pair] = round(alike, 4)
    return [(*pair, alike) for pair, alike in sorted(found.items())]


def _views(folder: Path, starts: Iterable[str]) -> dict[str, View]:
    """The views of these starts; others of their videos are not kept in memory."""
    views: dict[str, View] = {}
    for video, ids in groupby(sorted(starts), key=video_of):
        every = read_views(folder, video)
        views |= {id: every[frame].copy() for id in ids if (frame := frame_number(id)) in every}
    return views


def originals(copies: Iterable[Copy]) -> dict[str, str]:
    """Of every video that is a copy: the lowest id among all that are copies of each other, which stands for them."""
    lower: dict[str, str] = {}

    def lowest(video: str) -> str:
        while video in lower:
            video = lower[video]
        return video

    for a, b, _ in copies:
        low, high = sorted((lowest(a), lowest(b)))
        if low != high:
            lower[high] = low
    return {video: lowest(video) for video in lower}


def among(originals: Mapping[str, str], videos: Iterable[str]) -> dict[str, str]:
    """`originals` as these videos by themselves have it: the lowest of them stands for those that are with it."""
    lowest: dict[str, str] = {}
    present = sorted(set(videos))
    for video in present:
        lowest.setdefault(originals.get(video, video), video)
    own = {video: lowest[originals.get(video, video)] for video in present}
    return {video: original for video, original in own.items() if video != original}
