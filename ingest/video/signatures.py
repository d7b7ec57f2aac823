"""TODO."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from foundation.files import atomic_write, wrap_os_errors
from ingest.errors import DamagedViews
from ingest.model import FrameSignature

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


def view_of(image: NDArray[np.uint8]) -> FrameSignature:
    """A frame (H×W×3 BGR, or H×W gray) as its view, HEIGHT×WIDTH gray; its shape is not kept."""
    small = cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return cast(FrameSignature, small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_BGR2GRAY))


def similarity(a: FrameSignature, b: FrameSignature) -> float:
    """How well one view fits into the other: the correlation, from −1 to 1, where they fit best; 0 for a blank one."""
    if min(a.std(), b.std()) < _FLAT:
        return 0.0
    rough = float(cv2.matchTemplate(a, b, cv2.TM_CCOEFF_NORMED).max())
    if rough < _ROUGH:
        return rough
    return max(_fit(part, whole, zoom) for part, whole in ((a, b), (b, a)) for zoom in _ZOOMS)


def _fit(part: FrameSignature, whole: FrameSignature, zoom: float) -> float:
    if zoom == 1:
        part = part[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
        if part.std() < _FLAT:
            return 0.0
    else:
        part = cast(
            FrameSignature, cv2.resize(part, (round(WIDTH / zoom), round(HEIGHT / zoom)), interpolation=cv2.INTER_AREA)
        )
    return float(cv2.matchTemplate(whole, part, cv2.TM_CCOEFF_NORMED).max())


def views_path(folder: Path, video: str) -> Path:
    return folder / f"{video}.npy"


def keep_views(folder: Path, video: str, views: Mapping[int, FrameSignature]) -> None:
    """Keep the views of a video by the number of their frame, beside those it has. Raises CannotWrite, DamagedViews."""
    every = read_views(folder, video) | dict(views)
    content = io.BytesIO()
    np.save(content, np.array(sorted(every.items(), key=lambda row: row[0]), _ROW))
    with atomic_write(views_path(folder, video)) as file:
        file.write(content.getbuffer())


def drop_views(folder: Path, video: str) -> None:
    """Forget the views of a video. Raises CannotWrite."""
    path = views_path(folder, video)
    with wrap_os_errors(path):
        path.unlink(missing_ok=True)


def read_views(folder: Path, video: str) -> dict[int, FrameSignature]:
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
