"""TensorBoard: curves of every step, and now and then how distances spread and which triplets are hardest."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from foundation.errors import SettingsError
from trainer.data.batch import Batch
from trainer.objectives.base import Measures
from trainer.objectives.negative_mining import Triplets, candidates
from trainer.runs.metrics import Metrics

LOOK_EVERY = 100
"""Steps between two looks at distances and triplets."""
PICTURED = 8

# N = images, D = embedding, T = pairs, R = images that this rank holds, C = channels, S = side


def check_tensorboard() -> None:
    """Raises SettingsError where the package is missing."""
    if find_spec("tensorboard") is None:
        raise SettingsError("The setting tensorboard needs the package tensorboard: pip install tensorboard.")


class Board:
    """Writes to `folder`; what an earlier sitting wrote there of steps after `step` is void."""

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder), purge_step=step + 1)

    def add(self, metrics: Metrics) -> None:
        """One step."""
        values = {
            "loss": metrics.loss,
            "learning rate": metrics.lr,
            "gradient": metrics.grad_norm,
            "images per second": metrics.images_per_second,
            "waiting for data": metrics.waited / metrics.seconds,
            **{f"mean/{name}": value for name, value in metrics.measures.items()},
        }
        self._scalars(values, metrics.step)

    def look(self, step: int, batch: Batch, outputs: tuple[Tensor, ...], measures: Measures) -> None:
        """At a step that is due: the spread of every measure, and the hardest triplets, if it has any."""
        if step % LOOK_EVERY and step != 1:
            return
        for name, values in measures.items():
            if values.numel():
                self._writer.add_histogram(name, values.detach().float().cpu().numpy(), step)
        if "anchor_idx_T" in batch.targets and (picture := picture_hardest(batch, outputs[0])) is not None:
            self._writer.add_image("hardest triplets", picture, step)

    def evaluated(self, step: int, values: Mapping[str, float]) -> None:
        """What an evaluation found."""
        self._scalars({f"held out/{name}": value for name, value in values.items()}, step)

    def close(self) -> None:
        self._writer.close()

    def _scalars(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)


def picture_hardest(batch: Batch, embeddings_ND: Tensor) -> Tensor | None:
    """Rows of anchor, positive and nearest negative, hardest first: 3×height×width, uint8. None where this rank holds
    no whole triplet's images."""
    (images_RCSS,) = batch.inputs[:1]
    held = [triplet for triplet in hardest_triplets(batch, embeddings_ND) if max(triplet) < len(images_RCSS)]
    if not held:
        return None
    rows = [torch.cat([images_RCSS[image].cpu() for image in triplet], dim=2) for triplet in held[:PICTURED]]
    return torch.cat(rows, dim=1)


@torch.no_grad()
def hardest_triplets(batch: Batch, embeddings_ND: Tensor) -> list[list[int]]:
    """Anchor, positive and the nearest image of another group, for every pair; by D(a,p) − D(a,n), hardest first."""
    unit_ND = F.normalize(embeddings_ND[: len(batch.targets["group_N"])].float(), dim=1)
    triplets = Triplets.of(batch)
    a, p, _ = triplets
    dist_TN = 1 - unit_ND[a] @ unit_ND.T
    allowed_TN = candidates(triplets, batch.targets["group_N"])
    an_dist_T, n_T = dist_TN.masked_fill(~allowed_TN, torch.inf).min(dim=1)
    ap_dist_T = dist_TN.gather(1, p[:, None])[:, 0]
    order = (ap_dist_T - an_dist_T).argsort(descending=True)
    found: list[list[int]] = torch.stack([a, p, n_T], dim=1)[order].tolist()
    return found
