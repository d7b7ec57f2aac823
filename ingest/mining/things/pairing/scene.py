"""A sample with all that is known about it: what moves, where the background is visible, and its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ingest.mining.motion import GrayImage
from ingest.mining.things.association.fragments import Groups
from ingest.mining.things.motion.samples import Sample
from ingest.model import Box
from ingest.settings import MiningSettings


class Scene:
    """One sample. Its frame is converted when pixels are asked for, once."""

    def __init__(
        self, shot: Sequence[Sample], at: int, first: int, groups: Groups, shown: GrayImage, settings: MiningSettings
    ) -> None:
        """`first` is the number of the first frame of the shot; `shown` is 255 where the background is visible, H×W."""
        self.shot = shot
        self.at = at
        self.first = first
        self.groups = groups
        self.shown = shown
        self._settings = settings

    @property
    def sample(self) -> Sample:
        return self.shot[self.at]

    @cached_property
    def image(self) -> NDArray[np.uint8]:
        """The whole frame, H×W×3 BGR."""
        frame = self.sample.frame
        assert frame is not None
        return frame.image

    @cached_property
    def reduced(self) -> NDArray[np.uint8]:
        """The whole frame in the size that is kept."""
        frame = self.sample.frame
        assert frame is not None
        width, height = frame.video.width, frame.video.height
        scale = min(1.0, self._settings.frame_side / min(width, height))
        return frame.scaled(round(width * scale), round(height * scale))

    def crop(self, box: Box) -> NDArray[np.uint8]:
        return self.image[box.y : box.y + box.side, box.x : box.x + box.side]

    def grays_since(self, index: int) -> list[GrayImage]:
        """Return the gray images from the sample of frame `index` to this one."""
        return [sample.gray for sample in self.shot if index <= sample.index <= self.sample.index]
