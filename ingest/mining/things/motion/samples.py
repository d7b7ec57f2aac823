"""The samples of a shot: small gray frames, with the motion of the picture and of the camera from each to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.mining.motion import GrayImage
from ingest.video.reader import Frame

# Legend: H×W work pixels of a sample; h×w cells, each two work pixels wide and high; vectors are (x, y).
Vectors: TypeAlias = NDArray[np.float32]
Matrix: TypeAlias = NDArray[np.float64]
Cells: TypeAlias = NDArray[np.int64]
"""Numbers of cells, row by row: row × w + column."""

CELL = 2
"""Work pixels of a cell's side. Silhouettes are drawn on cells, because motion is not known more exactly."""
STILL: Matrix = np.eye(3)
"""The camera's motion where it stands still. It is compared by identity, so that a still camera costs nothing."""


@dataclass(slots=True, eq=False)
class Sample:
    """A frame that is looked at. Its picture and its flow are released when they are used no more."""

    index: int
    time: float
    frame: Frame | None
    gray: GrayImage
    soft: GrayImage
    """`gray`, smoothed: what is compared with other samples."""
    pose: Matrix
    """The matrix from the work pixels of the first sample of the shot to those of this one."""
    flow: Vectors | None = None
    """H×W×2: where each pixel goes until the next sample."""
    camera: Matrix | None = None
    """The matrix from work pixels of this sample to those of the next; None where the camera's motion is unclear."""

    def release(self) -> None:
        """Drop the picture and the flow, which take most of the memory."""
        self.frame = self.flow = None


def soften(gray: GrayImage) -> GrayImage:
    """Smooth a gray image; 0 is left for what no image shows."""
    return np.asarray(cv2.max(cv2.blur(gray, (3, 3)), 1), np.uint8)  # type: ignore[call-overload]


def sample_stride(frame_seconds: float, pair_seconds: float, lengths: Sequence[int]) -> int:
    """Return how many frames samples are apart: about `pair_seconds`, and such that every track ends on a sample."""
    common = gcd(*lengths)
    strides = [stride for stride in range(1, common + 1) if common % stride == 0]
    due = pair_seconds - 1e-3
    shorter = [stride for stride in strides if stride * frame_seconds < due]
    longer = [stride for stride in strides if due <= stride * frame_seconds <= 2 * pair_seconds]
    return (longer[:1] or shorter[-1:] or strides)[0]


def flow_at(flow: Vectors, points: Vectors) -> Vectors:
    """Return the flow at N×2 points, in work pixels."""
    if not len(points):
        return points
    x, y = (np.ascontiguousarray(points[:, column]) for column in (0, 1))
    at_points = cv2.remap(flow, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(at_points, np.float32).reshape(-1, 2)


def warp_points(points: NDArray[np.floating], matrix: Matrix) -> NDArray[np.floating]:
    """Transform N×2 points by a homography."""
    if matrix is STILL or not len(points):
        return points
    return np.asarray(cv2.perspectiveTransform(points[None], matrix)[0])
