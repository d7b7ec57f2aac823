"""Several trainers that are one: who embeds which images of a batch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """The share of rank `rank` among `world`."""

    rank: int = 0
    world: int = 1

    def of(self, rows: int) -> list[int]:
        """Which of a batch's rows are this rank's: a run of them, equally many on every rank.

        All ranks' rows one after another are the batch's in order. Where they do not go up in the world, the last row
        comes again at the end.
        """
        count = -(-rows // self.world)
        return [min(row, rows - 1) for row in range(self.rank * count, (self.rank + 1) * count)]


WHOLE = Part()
"""Of the only rank there is."""
