"""TensorBoard: curves of every step, and every 100 steps histograms of distances and the hardest triplets."""

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
from trainer.objectives.negative_mining import Triplets, candidate_negatives
from trainer.runs.metrics import Metrics

DETAIL_STEPS = 100
"""Steps between two histograms."""
MAX_TRIPLETS = 8
"""Triplets in the image of the hardest."""

# N = images, D = embedding, T = pairs, R = images that this rank holds, C = channels, S = side


def check_tensorboard() -> None:
    """Raise SettingsError if the package is not installed."""
    if find_spec("tensorboard") is None:
        raise SettingsError("The setting tensorboard needs the package tensorboard: pip install tensorboard.")


class TensorBoardWriter:
    """Write event files to `folder`. Events of steps after `step`, from an earlier session, become void."""

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder), purge_step=step + 1)

    def add_step(self, metrics: Metrics) -> None:
        """Add one step to the curves."""
        values = {
            "loss": metrics.loss,
            "learning rate": metrics.lr,
            "gradient": metrics.grad_norm,
            "images per second": metrics.images_per_second,
            "waiting for data": metrics.waited / metrics.seconds,
            **{f"mean/{name}": value for name, value in metrics.measures.items()},
        }
        self._add_scalars(values, metrics.step)

    def add_details(self, step: int, batch: Batch, outputs: tuple[Tensor, ...], measures: Measures) -> None:
        """Add histograms of the measures and an image of the hardest triplets, at every 100th step. A step hook."""
        if step % DETAIL_STEPS and step != 1:
            return
        for name, values in measures.items():
            if values.numel():
                self._writer.add_histogram(name, values.detach().float().cpu().numpy(), step)
        if "anchor_idx_T" in batch.targets and (image := hardest_triplets_image(batch, outputs[0])) is not None:
            self._writer.add_image("hardest triplets", image, step)

    def add_evaluation(self, step: int, values: Mapping[str, float]) -> None:
        """Add an evaluation to the curves."""
        self._add_scalars({f"held out/{name}": value for name, value in values.items()}, step)

    def close(self) -> None:
        self._writer.close()

    def _add_scalars(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)


def hardest_triplets_image(batch: Batch, embeddings_ND: Tensor) -> Tensor | None:
    """Draw the hardest triplets, each a row of anchor, positive and nearest negative: 3×height×width, uint8.

    Returns None if this rank does not hold all images of any triplet.
    """
    (images_RCSS,) = batch.inputs[:1]
    held = [triplet for triplet in hardest_triplets(batch, embeddings_ND) if max(triplet) < len(images_RCSS)]
    if not held:
        return None
    rows = [torch.cat([images_RCSS[image].cpu() for image in triplet], dim=2) for triplet in held[:MAX_TRIPLETS]]
    return torch.cat(rows, dim=1)


@torch.no_grad()
def hardest_triplets(batch: Batch, embeddings_ND: Tensor) -> list[list[int]]:
    """List anchor, positive and the nearest image of another group for every pair, hardest (D(a,p) − D(a,n)) first."""
    unit_ND = F.normalize(embeddings_ND[: len(batch.targets["group_N"])].float(), dim=1)
    triplets = Triplets.of(batch)
    a, p, _ = triplets
    dist_TN = 1 - unit_ND[a] @ unit_ND.T
    allowed_TN = candidate_negatives(triplets, batch.targets["group_N"])
    an_dist_T, n_T = dist_TN.masked_fill(~allowed_TN, torch.inf).min(dim=1)
    ap_dist_T = dist_TN.gather(1, p[:, None])[:, 0]
    order = (ap_dist_T - an_dist_T).argsort(descending=True)
    hardest: list[list[int]] = torch.stack([a, p, n_T], dim=1)[order].tolist()
    return hardest
