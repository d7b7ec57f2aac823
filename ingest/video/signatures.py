"""Signatures of whole frames: they find copies of the same footage, whatever its encoding.

A file of the data folder's `views` holds the signatures of a video's starts, by frame number.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from foundation.files import atomic_write, wrap_os_errors
from ingest.errors import DamagedFile
from ingest.model import FrameSignature

WIDTH, HEIGHT = 32, 18
"""Pixels of a signature: enough to show how a frame is composed, too few to show what moves in it."""
_ZOOMS = (1.0, 1.06, 1.12)
"""A copy may be cropped: each of two signatures is searched in the other at these sizes."""
_MARGIN = 1
"""Pixels that are cut off at each side of a signature that is not zoomed, so that it can be shifted."""
_MIN_ROUGH = 0.3
"""Correlation without zoom from which signatures are compared carefully; six pairs of seven have less."""
_MIN_CONTRAST = 2.0
"""Standard deviation, in gray levels, below which a signature shows nothing that can be compared."""
_ROW = np.dtype([("frame", "<u4"), ("view", "u1", (HEIGHT, WIDTH))])


def frame_signature(image: NDArray[np.uint8]) -> FrameSignature:
    """Scale a frame (H×W×3 BGR, or H×W gray) to HEIGHT×WIDTH gray pixels, whatever its shape."""
    small = cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return cast(FrameSignature, small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_BGR2GRAY))


def similarity(a: FrameSignature, b: FrameSignature) -> float:
    """Return the correlation, from −1 to 1, at the shift and zoom where two signatures fit best; 0 if one is blank."""
    if min(a.std(), b.std()) < _MIN_CONTRAST:
        return 0.0
    rough = float(cv2.matchTemplate(a, b, cv2.TM_CCOEFF_NORMED).max())
    if rough < _MIN_ROUGH:
        return rough
    return max(_correlation(part, whole, zoom) for part, whole in ((a, b), (b, a)) for zoom in _ZOOMS)


def _correlation(part: FrameSignature, whole: FrameSignature, zoom: float) -> float:
    """Return the correlation at the best shift of `part`, reduced by `zoom`, within `whole`."""
    if zoom == 1:
        part = part[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
        if part.std() < _MIN_CONTRAST:
            return 0.0
    else:
        size = (round(WIDTH / zoom), round(HEIGHT / zoom))
        part = cast(FrameSignature, cv2.resize(part, size, interpolation=cv2.INTER_AREA))
    return float(cv2.matchTemplate(whole, part, cv2.TM_CCOEFF_NORMED).max())


def signatures_path(folder: Path, video: str) -> Path:
    return folder / f"{video}.npy"


def save_signatures(folder: Path, video: str, signatures: Mapping[int, FrameSignature]) -> None:
    """Add signatures, by frame number, to those of the video. Raises CannotWrite, DamagedFile."""
    merged = read_signatures(folder, video) | dict(signatures)
    content = io.BytesIO()
    np.save(content, np.array(sorted(merged.items(), key=lambda row: row[0]), _ROW))
    with atomic_write(signatures_path(folder, video)) as file:
        file.write(content.getbuffer())


def delete_signatures(folder: Path, video: str) -> None:
    """Delete the signatures of a video. Raises CannotWrite."""
    path = signatures_path(folder, video)
    with wrap_os_errors(path):
        path.unlink(missing_ok=True)


def read_signatures(folder: Path, video: str) -> dict[int, FrameSignature]:
    """Return the signatures of a video by frame number; an empty dict where there is no file. Raises DamagedFile."""
    path = signatures_path(folder, video)
    try:
        rows = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, EOFError) as error:
        raise _damaged(path, str(error)) from error
    if rows.dtype != _ROW:
        raise _damaged(path, "it holds no signatures")
    return dict(zip(rows["frame"].tolist(), rows["view"], strict=True))


def _damaged(path: Path, reason: str) -> DamagedFile:
    remedy = "Delete it. Copies of its video are then not recognized until the video is mined again, with --remine"
    return DamagedFile("file of frame signatures", path, reason, remedy)
