"""`transitive` and `tracking`: positives of the graph are nearer than negatives (Sec. 5). They differ by their mix."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from trainer.data.batch import Batch
from trainer.data.triplets import TripletLoader, TripletSource
from trainer.distributed.ranks import RankShard
from trainer.models.memory_queue import MemoryQueue
from trainer.models.siamese import Model, TripletSiamese
from trainer.objectives.base import Measures
from trainer.objectives.losses import infonce_loss, supcon_loss, triplet_margin_loss
from trainer.objectives.negative_mining import Triplets, candidate_negatives, mine_negatives, service_negatives
from trainer.settings import TrainSettings

# N = images, M = candidates (the images, then those of the queue), D = embedding, T = pairs, K = negatives a pair


class Candidates(NamedTuple):
    """The images that can be negatives, and their similarity to the images of the batch."""

    sim_NM: Tensor
    groups_M: Tensor
    filled_M: Tensor
    """False for the slots of the queue that are still empty."""


class Ranking:
    """A ranking loss on pairs of a snapshot."""

    def __init__(self, settings: TrainSettings, source: TripletSource) -> None:
        self.settings = settings
        self.loader = TripletLoader(source, settings)

    @staticmethod
    def build(settings: TrainSettings) -> Model:
        return TripletSiamese(settings.trunk, settings.image_size, settings.head_widths, settings.queue)

    def load(self, position: int, shard: RankShard) -> Batch:
        return self.loader(position, shard)

    def loss(self, model: Model, outputs: tuple[Tensor, ...], batch: Batch) -> tuple[Tensor, Measures]:
        groups_N, triplets = batch.targets["group_N"], Triplets.of(batch)
        embeddings_ND = F.normalize(outputs[0][: len(groups_N)], dim=1)
        queue = model.queue if isinstance(model, TripletSiamese) else None
        candidates = _candidates(embeddings_ND, groups_N, queue)
        if self.settings.loss == "supcon":
            return self._supcon(candidates, batch)
        allowed_TM = candidate_negatives(triplets, candidates.groups_M) & candidates.filled_M
        if self.settings.loss == "infonce":
            return self._infonce(candidates.sim_NM, triplets, allowed_TM)
        return self._triplet(candidates.sim_NM, triplets, allowed_TM, batch.position)

    def _triplet(
        self, sim_NM: Tensor, triplets: Triplets, allowed_TM: Tensor, position: int
    ) -> tuple[Tensor, Measures]:
        settings = self.settings
        a, p, _ = triplets
        dist_NM = 1 - sim_NM
        ap_dist_T = dist_NM[a, p]
        if settings.negative_mining == "service":
            negatives = service_negatives(triplets)
        else:
            key = settings.seed, position
            negatives = mine_negatives(dist_NM[a], allowed_TM, settings.negative_mining, settings.num_negatives, key)
        an_dist_TK = dist_NM[a].gather(1, negatives.idx_TK)
        loss = triplet_margin_loss(ap_dist_T, an_dist_TK, negatives.valid_TK, settings.margin)
        if settings.symmetric:
            pn_dist_TK = dist_NM[p].gather(1, negatives.idx_TK)
            loss = (loss + triplet_margin_loss(ap_dist_T, pn_dist_TK, negatives.valid_TK, settings.margin)) / 2
        return loss, {"ap_dist": ap_dist_T, "an_dist": an_dist_TK[negatives.valid_TK]}

    def _infonce(self, sim_NM: Tensor, triplets: Triplets, allowed_TM: Tensor) -> tuple[Tensor, Measures]:
        a, p, _ = triplets
        ap_sim_T = sim_NM[a, p]
        loss = infonce_loss(ap_sim_T, sim_NM[a], allowed_TM, self.settings.temperature)
        if self.settings.symmetric:
            loss = (loss + infonce_loss(ap_sim_T, sim_NM[p], allowed_TM, self.settings.temperature)) / 2
        return loss, {"ap_dist": 1 - ap_sim_T, "an_dist": 1 - sim_NM[a][allowed_TM]}

    def _supcon(self, candidates: Candidates, batch: Batch) -> tuple[Tensor, Measures]:
        sim_NM, groups_M, filled_M = candidates
        targets = batch.targets
        positive_NN = targets["component_N"] == targets["component_N"][:, None]
        # A patch may be in the batch twice: it is not a positive of itself.
        positive_NN &= targets["patch_N"] != targets["patch_N"][:, None]
        positive_NM = F.pad(positive_NN, (0, len(groups_M) - len(positive_NN)))
        negative_NM = (groups_M != targets["group_N"][:, None]) & filled_M & ~positive_NM
        loss = supcon_loss(sim_NM, positive_NM, negative_NM, self.settings.temperature)
        return loss, {"ap_dist": 1 - sim_NM[positive_NM], "an_dist": 1 - sim_NM[negative_NM]}


def _candidates(embeddings_ND: Tensor, groups_N: Tensor, queue: MemoryQueue | None) -> Candidates:
    """Compare the images with themselves and with the queue, then push them to the queue."""
    filled_N = torch.ones_like(groups_N, dtype=torch.bool)
    if queue is None:
        return Candidates(embeddings_ND @ embeddings_ND.T, groups_N, filled_N)
    # A copy: the queue is written to before the gradient is computed.
    pool_MD = torch.cat([embeddings_ND, queue.embeddings_QD.clone()])
    groups_M = torch.cat([groups_N, queue.groups_Q])
    filled_M = torch.cat([filled_N, queue.filled_Q])
    queue.push(embeddings_ND, groups_N)
    return Candidates(embeddings_ND @ pool_MD.T, groups_M, filled_M)
