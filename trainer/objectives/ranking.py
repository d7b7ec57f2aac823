"""`transitive` and `tracking`: positives of the graph are nearer than negatives (Sec. 5). They differ by their mix."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from trainer.data.batch import Batch
from trainer.data.triplets import TripletLoader, TripletSource
from trainer.distributed.ranks import RankShard
from trainer.models.siamese import Model, TripletSiamese
from trainer.objectives.losses import infonce_loss, supcon_loss, triplet_margin_loss
from trainer.objectives.negative_mining import Triplets, candidates, given, mine
from trainer.settings import TrainSettings

# N = images, M = candidates (the images, then those of the queue), D = embedding, T = pairs, K = negatives a pair


class Ranking:
    """A ranking loss on pairs of a snapshot."""

    def __init__(self, settings: TrainSettings, source: TripletSource) -> None:
        self.settings = settings
        self.loader = TripletLoader(source, settings)

    @staticmethod
    def build(settings: TrainSettings) -> Model:
        return TripletSiamese(settings.trunk, settings.image_size, settings.head_widths, settings.queue)

    def load(self, position: int, part: RankShard) -> Batch:
        return self.loader(position, part)

    def loss(self, model: Model, outputs: tuple[Tensor, ...], batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        embeddings_ND = F.normalize(outputs[0][: len(batch.targets["group_N"])], dim=1)
        triplets, groups_N = Triplets.of(batch), batch.targets["group_N"]
        queue = model.queue if isinstance(model, TripletSiamese) else None
        if queue is None:
            pool_MD, groups_M, known_M = embeddings_ND, groups_N, torch.ones_like(groups_N, dtype=torch.bool)
        else:
            # Copies: the queue is written to before the gradient is taken.
            pool_MD = torch.cat([embeddings_ND, queue.embeddings_QD.clone()])
            groups_M = torch.cat([groups_N, queue.groups_Q])
            known_M = torch.cat([torch.ones_like(groups_N, dtype=torch.bool), queue.filled_Q])
            queue.push(embeddings_ND, groups_N)
        sim_NM = embeddings_ND @ pool_MD.T
        if self.settings.loss == "supcon":
            return self._supcon(sim_NM, groups_M, known_M, batch)
        allowed_TM = candidates(triplets, groups_M) & known_M
        if self.settings.loss == "infonce":
            return self._infonce(sim_NM, triplets, allowed_TM)
        return self._triplet(sim_NM, triplets, allowed_TM, batch.position)

    def _triplet(
        self, sim_NM: Tensor, triplets: Triplets, allowed_TM: Tensor, position: int
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        settings = self.settings
        a, p, _ = triplets
        dist_NM = 1 - sim_NM
        ap_dist_T = dist_NM[a, p]
        if settings.negative_mining == "service":
            negatives = given(triplets)
        else:
            key = settings.seed, position
            negatives = mine(dist_NM[a], allowed_TM, settings.negative_mining, settings.num_negatives, key)
        an_dist_TK = dist_NM[a].gather(1, negatives.idx_TK)
        loss = triplet_margin_loss(ap_dist_T, an_dist_TK, negatives.valid_TK, settings.margin)
        if settings.symmetric:
            pn_dist_TK = dist_NM[p].gather(1, negatives.idx_TK)
            loss = (loss + triplet_margin_loss(ap_dist_T, pn_dist_TK, negatives.valid_TK, settings.margin)) / 2
        return loss, {"ap_dist": ap_dist_T, "an_dist": an_dist_TK[negatives.valid_TK]}

    def _infonce(self, sim_NM: Tensor, triplets: Triplets, allowed_TM: Tensor) -> tuple[Tensor, Mapping[str, Tensor]]:
        a, p, _ = triplets
        ap_sim_T = sim_NM[a, p]
        loss = infonce_loss(ap_sim_T, sim_NM[a], allowed_TM, self.settings.temperature)
        if self.settings.symmetric:
            loss = (loss + infonce_loss(ap_sim_T, sim_NM[p], allowed_TM, self.settings.temperature)) / 2
        return loss, {"ap_dist": 1 - ap_sim_T, "an_dist": 1 - sim_NM[a][allowed_TM]}

    def _supcon(
        self, sim_NM: Tensor, groups_M: Tensor, known_M: Tensor, batch: Batch
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        targets = batch.targets
        together_NN = targets["neighborhood_N"] == targets["neighborhood_N"][:, None]
        # One patch may be in a batch twice: it is no other view of itself.
        together_NN &= targets["patch_N"] != targets["patch_N"][:, None]
        positive_NM = F.pad(together_NN, (0, len(groups_M) - len(together_NN)))
        negative_NM = (groups_M != targets["group_N"][:, None]) & known_M & ~positive_NM
        loss = supcon_loss(sim_NM, positive_NM, negative_NM, self.settings.temperature)
        return loss, {"ap_dist": 1 - sim_NM[positive_NM], "an_dist": 1 - sim_NM[negative_NM]}
