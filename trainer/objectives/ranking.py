"""`transitive` and `tracking`: positives of the graph are nearer than negatives (Sec. 5). They differ by their mix."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from trainer.batch import Batch
from trainer.distance import cosine_distance
from trainer.loss import triplet_margin_loss
from trainer.mining import Triplets, given_negatives
from trainer.model import Model, TripletSiamese
from trainer.ranks import Part
from trainer.settings import TrainSettings
from trainer.stream import TripletLoader, TripletSource

# N = images, D = embedding, T = triplets


class Ranking:
    """The ranking loss on triplets of a snapshot."""

    def __init__(self, settings: TrainSettings, source: TripletSource) -> None:
        self.settings = settings
        self.loader = TripletLoader(source, settings)

    @staticmethod
    def build(settings: TrainSettings) -> Model:
        return TripletSiamese(settings.trunk, settings.image_size, settings.head_widths)

    def load(self, position: int, part: Part) -> Batch:
        return self.loader(position, part)

    def loss(self, model: Model, outputs: tuple[Tensor, ...], batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        (embeddings_ND,) = outputs
        triplets = given_negatives(Triplets.of(batch))
        ap_dist_T, an_dist_T = triplet_distances(embeddings_ND, triplets)
        loss = triplet_margin_loss(ap_dist_T, an_dist_T, self.settings.margin)
        return loss, {"ap_dist": ap_dist_T.mean(), "an_dist": an_dist_T.mean()}


def triplet_distances(embeddings_ND: Tensor, triplets: Triplets) -> tuple[Tensor, Tensor]:
    """D(a, p) and D(a, n) of each triplet, both of shape T."""
    a, p, n = triplets
    anchors_TD = embeddings_ND[a]
    return cosine_distance(anchors_TD, embeddings_ND[p]), cosine_distance(anchors_TD, embeddings_ND[n])
