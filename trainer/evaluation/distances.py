"""Is D(A, B') below D(A, C) on videos that training never saw? That is the invariance the graph is for (Sec. 5).

D(A, A') joins the two ends of a track, D(A, B') two instances, D(A, C) patches of different groups.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.data.images import Image
from trainer.evaluation.bootstrap import Estimate, bootstrap_mean
from trainer.evaluation.features import batches
from trainer.evaluation.holdout import HeldOutPairs, HeldOutSet
from trainer.models.siamese import Model
from trainer.objectives.losses import cosine_distance

# P = transitive pairs, Q = tracks, N = images, S = side, C = channels, D = embedding


@dataclass(frozen=True, slots=True)
class DistanceScore:
    """Mean distances of one network. Intervals by bootstrap over the anchors' videos."""

    name: str
    aa_dist: Estimate
    """D(A, A')."""
    ab_dist: Estimate
    """D(A, B')."""
    ac_dist: Estimate
    """D(A, C)."""
    gap: Estimate
    """D(A, C) − D(A, B'), pair by pair."""
    closer: Estimate
    """Share of the pairs with D(A, B') < D(A, C)."""
    loss: Estimate
    """The hinge loss of training, on these pairs."""


def score_distances(name: str, model: Model, held_out: HeldOutSet, *, margin: float, seed: int) -> DistanceScore:
    """Measure the distances of a network on the held-out pairs."""
    pairs, tracks = held_out.pairs, held_out.tracks
    ab_P, ac_P = pair_distances(model, pairs)
    aa_Q, _ = pair_distances(model, tracks)

    def estimate(values_P: NDArray[np.float64]) -> Estimate:
        return bootstrap_mean(values_P, pairs.videos_P, seed)

    return DistanceScore(
        name=name,
        aa_dist=bootstrap_mean(aa_Q, tracks.videos_P, seed),
        ab_dist=estimate(ab_P),
        ac_dist=estimate(ac_P),
        gap=estimate(ac_P - ab_P),
        closer=estimate((ab_P < ac_P).astype(np.float64)),
        loss=estimate(np.maximum(0, ab_P - ac_P + margin)),
    )


def mean_distances(model: Model, held_out: HeldOutSet) -> dict[str, float]:
    """Measure the mean D(A, A'), D(A, B') and D(A, C), without intervals."""
    aa_Q, _ = pair_distances(model, held_out.tracks)
    ab_P, ac_P = pair_distances(model, held_out.pairs)
    return {"aa_dist": float(aa_Q.mean()), "ab_dist": float(ab_P.mean()), "ac_dist": float(ac_P.mean())}


def pair_distances(model: Model, pairs: HeldOutPairs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the distance to the positive and to the negative of each pair, both of shape P."""
    embeddings_2PD = embed(model, pairs.images_2PSSC)
    anchors_PD, positives_PD = embeddings_2PD.chunk(2)
    ap_dist_P = cosine_distance(anchors_PD, positives_PD)
    an_dist_P = cosine_distance(anchors_PD, embeddings_2PD[torch.from_numpy(pairs.negative_idx_P)])
    return ap_dist_P.double().numpy(), an_dist_P.double().numpy()


@torch.no_grad()
def embed(model: Model, images_NSSC: Image) -> torch.Tensor:
    """Embed the images: N×D, on the CPU."""
    model.eval()
    device = model.trunk.mean.device
    return torch.cat([model(batch_NCSS.to(device)).cpu() for batch_NCSS in batches(images_NSSC)])
