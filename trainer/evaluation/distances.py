"""Is D(A, B') below D(A, C) on videos that training never saw? The invariance that the graph is for (Sec. 5).

D(A, A') joins the two ends of a track, D(A, B') two things, D(A, C) what the graph keeps apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.data.images import Image, decode_image, resize
from trainer.data.triplets import TripletSource
from trainer.errors import BenchmarkError
from trainer.evaluation.bootstrap import Estimate, bootstrap_mean
from trainer.evaluation.features import batches
from trainer.evaluation.holdout import is_held_out
from trainer.models.siamese import Model
from trainer.objectives.losses import cosine_distance

PAGE = 100
"""Pairs a request."""

# P = pairs, S = side, C = channels, D = embedding


class Patch(NamedTuple):
    """A patch as the service sends it."""

    id: str
    group: str
    jpeg: bytes

    @property
    def video(self) -> str:
        return self.id.partition("-")[0]


@dataclass(frozen=True)
class HeldOutPairs:
    """P pairs A, B' of held-out videos, all of one kind. Each has a C: a patch of these pairs, of another group."""

    images_2PSSC: Image
    """The anchors, then the positives."""
    negative_idx_P: NDArray[np.int64]
    """Where each pair's C is among the images."""
    videos_P: NDArray[np.int64]
    """Number of the anchor's video."""
    seen: int
    """Pairs of the epoch that were looked at."""

    def __len__(self) -> int:
        return len(self.negative_idx_P)

    @property
    def num_videos(self) -> int:
        return len(np.unique(self.videos_P))


@dataclass(frozen=True)
class HeldOut:
    """What an evaluation of distances looks at."""

    tracks: HeldOutPairs
    """INTRA pairs A, A'."""
    pairs: HeldOutPairs
    """Transitive pairs A, B'."""


@dataclass(frozen=True, slots=True)
class DistanceScore:
    """Mean distances of one network; intervals by bootstrap over the anchors' videos."""

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
    """The hinge that training makes small, on pairs it never saw."""


def collect_pairs(
    source: TripletSource, snapshot: str, kind: str, total: int, *, hold_out: float, wanted: int, seed: int, size: int
) -> HeldOutPairs:
    """The first `wanted` pairs of held-out videos in one epoch of `total` pairs of a kind, at size × size pixels.

    A negative is drawn from the patches of all these pairs, so that its video is held out too. Raises BenchmarkError
    where no pair, or no negative, is to be had.
    """
    pairs: list[tuple[Patch, Patch]] = []
    seen = 0
    while seen < total and len(pairs) < wanted:
        count = min(PAGE, total - seen)
        pairs += islice(_held_out(source, snapshot, kind, seed, seen, count, hold_out), wanted - len(pairs))
        seen += count
    if not pairs:
        raise BenchmarkError(
            f"None of the {total} {kind} pairs of snapshot {snapshot} joins two videos that --hold-out {hold_out} "
            "keeps out of training. Hold out more, or ingest more videos."
        )
    patches = [anchor for anchor, _ in pairs] + [positive for _, positive in pairs]
    _, videos_P = np.unique([anchor.video for anchor, _ in pairs], return_inverse=True)
    pixels = np.stack([resize(decode_image(patch.jpeg, patch.id), size) for patch in patches])
    return HeldOutPairs(pixels, _draw_negatives(patches, len(pairs), seed), videos_P, seen)


def collect_held_out(
    source: TripletSource,
    snapshot: str,
    counts: Mapping[str, int],
    *,
    hold_out: float,
    wanted: int,
    seed: int,
    size: int,
) -> HeldOut:
    """Pairs of both kinds, at most `wanted` of each; `counts` says how many the snapshot has. Raises BenchmarkError."""
    tracks, pairs = (
        collect_pairs(source, snapshot, kind, counts[kind], hold_out=hold_out, wanted=wanted, seed=seed, size=size)
        for kind in ("intra", "transitive")
    )
    return HeldOut(tracks, pairs)


def _held_out(
    source: TripletSource, snapshot: str, kind: str, seed: int, position: int, count: int, hold_out: float
) -> Iterator[tuple[Patch, Patch]]:
    batch = source.triplets(snapshot, seed=seed, mix=f"{kind}:1", negatives="batch", position=position, count=count)
    for i, (a, p) in enumerate(zip(batch.anchor_idx, batch.positive_idx, strict=True)):
        if is_held_out(batch.anchor_id[i], hold_out) and is_held_out(batch.positive_id[i], hold_out):
            yield (
                Patch(batch.anchor_id[i], batch.anchor_group[i], batch.images[a]),
                Patch(batch.positive_id[i], batch.positive_group[i], batch.images[p]),
            )


def _draw_negatives(patches: list[Patch], num_pairs: int, seed: int) -> NDArray[np.int64]:
    """For each anchor, the first `num_pairs` of the patches, a patch of another group."""
    random = np.random.default_rng(seed)
    groups = np.array([patch.group for patch in patches])
    if np.all(groups == groups[0]):
        raise BenchmarkError(
            f"All {num_pairs} held-out pairs are of one group, so there is no C to compare with. Hold out more."
        )
    return np.array([random.choice(np.flatnonzero(groups != group)) for group in groups[:num_pairs]])


def score_distances(name: str, siamese: Model, held_out: HeldOut, *, margin: float, seed: int) -> DistanceScore:
    """What a network makes of the pairs."""
    pairs, tracks = held_out.pairs, held_out.tracks
    ab_P, ac_P = pair_distances(siamese, pairs)
    aa_Q, _ = pair_distances(siamese, tracks)

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


def mean_distances(siamese: Model, held_out: HeldOut) -> dict[str, float]:
    """The mean D(A, A'), D(A, B') and D(A, C) alone: the invariance score."""
    aa_Q, _ = pair_distances(siamese, held_out.tracks)
    ab_P, ac_P = pair_distances(siamese, held_out.pairs)
    return {"aa_dist": float(aa_Q.mean()), "ab_dist": float(ab_P.mean()), "ac_dist": float(ac_P.mean())}


def pair_distances(siamese: Model, pairs: HeldOutPairs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """D to the positive and D to the negative of each pair, both of shape P."""
    embeddings_2PD = embed(siamese, pairs.images_2PSSC)
    anchors_PD, positives_PD = embeddings_2PD.chunk(2)
    positive_P = cosine_distance(anchors_PD, positives_PD)
    negative_P = cosine_distance(anchors_PD, embeddings_2PD[torch.from_numpy(pairs.negative_idx_P)])
    return positive_P.double().numpy(), negative_P.double().numpy()


@torch.no_grad()
def embed(siamese: Model, images_NSSC: Image) -> torch.Tensor:
    """Embeddings, N×D, on the CPU."""
    siamese.eval()
    device = siamese.trunk.mean.device
    return torch.cat([siamese(batch_NCHW.to(device)).cpu() for batch_NCHW in batches(images_NSSC)])
