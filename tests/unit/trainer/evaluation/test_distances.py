from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from api.wire.triplets import TripletBatch
from tests.unit.trainer.toy_service import GROUPS, VIDEOS, ToyService, patch_id
from trainer.errors import DataError
from trainer.evaluation.distances import embed, mean_distances, score_distances
from trainer.evaluation.holdout import HeldOutSet, collect_held_out, collect_pairs, is_held_out
from trainer.models.siamese import TripletSiamese
from trainer.objectives.losses import cosine_distance


def collect(service: ToyService, total: int = 250, hold_out: float = 0.5, wanted: int = 1000) -> object:
    return collect_pairs(service, "toy", "transitive", total, hold_out=hold_out, wanted=wanted, seed=0, size=32)


def test_hold_out_depends_on_the_video_only() -> None:
    assert is_held_out("3fffffffffffffff-00000030-10-20-96", 0.25)
    assert is_held_out("3fffffffffffffff-00000099-0-0-96-e30", 0.25)
    assert not is_held_out("4000000000000000-00000030-10-20-96", 0.25)
    assert not is_held_out("0000000000000000-00000030-10-20-96", 0.0)


def test_hold_out_of_one_half_takes_half_of_the_toy_videos() -> None:
    held_out = [is_held_out(patch_id(group, video), 0.5) for group in range(GROUPS) for video in range(VIDEOS)]

    assert sum(held_out) == len(held_out) / 2


def test_collect_pairs_reads_an_epoch_once() -> None:
    service = ToyService()
    pairs = collect_pairs(service, "toy", "transitive", 250, hold_out=0.5, wanted=1000, seed=0, size=32)

    assert service.positions == [0, 100, 200]
    assert pairs.pairs_read == 250
    assert 30 < len(pairs) < 90  # about a quarter: both of their videos
    assert pairs.images_2PSSC.shape == (2 * len(pairs), 32, 32, 3)


def test_collect_pairs_stops_when_it_has_enough() -> None:
    service = ToyService()
    pairs = collect_pairs(service, "toy", "transitive", 10_000, hold_out=0.5, wanted=10, seed=0, size=32)

    assert len(pairs) == 10 and service.positions == [0]


def test_negatives_are_held_out_patches_of_another_group() -> None:
    service = ToyService()
    pairs = collect_pairs(service, "toy", "transitive", 100, hold_out=0.5, wanted=1000, seed=0, size=96)
    batch = service.triplets("toy", seed=0, mix="transitive:1", negatives="batch", position=0, count=100)
    kept = [i for i in range(100) if is_held_out(batch.anchor_id[i], 0.5) and is_held_out(batch.positive_id[i], 0.5)]
    groups = [batch.anchor_group[i] for i in kept] + [batch.positive_group[i] for i in kept]

    assert len(pairs) == len(kept)
    for pair, negative in enumerate(pairs.negative_idx_P.tolist()):
        assert groups[negative] != groups[pair]


def test_a_snapshot_without_held_out_pairs_is_an_error() -> None:
    with pytest.raises(DataError, match="None of the 100 transitive pairs"):
        collect(ToyService(), 100, hold_out=0.001)


def test_a_single_pair_has_no_negative() -> None:
    with pytest.raises(DataError, match="one group"):
        collect(ToyService(), 100, wanted=1)


def test_scores_are_means_over_the_pairs() -> None:
    torch.manual_seed(0)
    siamese = TripletSiamese("resnet18", 32, (16, 8))
    pairs = collect_pairs(ToyService(), "toy", "transitive", 100, hold_out=0.5, wanted=1000, seed=0, size=32)

    tracks = collect_pairs(ToyService(), "toy", "intra", 100, hold_out=0.5, wanted=20, seed=1, size=32)
    held_out = HeldOutSet(tracks, pairs)

    score = score_distances("untrained", siamese, held_out, margin=0.5, seed=0)

    embeddings_2PD = embed(siamese, pairs.images_2PSSC)
    anchors_PD, positives_PD = embeddings_2PD[: len(pairs)], embeddings_2PD[len(pairs) :]
    ab_P = cosine_distance(anchors_PD, positives_PD).numpy()
    ac_P = cosine_distance(anchors_PD, embeddings_2PD[pairs.negative_idx_P]).numpy()
    starts_QD, ends_QD = embed(siamese, tracks.images_2PSSC).chunk(2)
    assert score.aa_dist.mean == pytest.approx(cosine_distance(starts_QD, ends_QD).mean().item(), abs=1e-6)
    assert score.ab_dist.mean == pytest.approx(ab_P.mean(), abs=1e-6)
    assert score.ac_dist.mean == pytest.approx(ac_P.mean(), abs=1e-6)
    assert score.gap.mean == pytest.approx((ac_P - ab_P).mean(), abs=1e-6)
    assert score.gap.low < score.gap.mean < score.gap.high
    assert score.closer.mean == np.mean(ab_P < ac_P)
    assert score.loss.mean == pytest.approx(np.maximum(0, ab_P - ac_P + 0.5).mean(), abs=1e-6)
    means = {"aa_dist": score.aa_dist.mean, "ab_dist": score.ab_dist.mean, "ac_dist": score.ac_dist.mean}
    assert mean_distances(siamese, held_out) == pytest.approx(means)


def test_tracks_and_transitive_pairs_are_both_collected() -> None:
    class Kinds(ToyService):
        mixes: ClassVar[list[str]] = []

        def triplets(self, *args: Any, **query: Any) -> TripletBatch:
            self.mixes.append(query["mix"])
            return super().triplets(*args, **query)

    service = Kinds(transitive=100, intra=50)
    counts = service.description["counts"]
    held_out = collect_held_out(service, "toy", counts, hold_out=0.5, wanted=1000, seed=0, size=32)
    assert service.mixes == ["intra:1", "transitive:1"]
    assert (held_out.tracks.pairs_read, held_out.pairs.pairs_read) == (50, 100)
