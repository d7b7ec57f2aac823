from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from trainer.objectives.losses import cosine_distance, infonce_loss, supcon_loss, triplet_margin_loss


def test_cosine_distance_of_known_angles() -> None:
    a_BD = torch.tensor([[1.0, 0.0], [1.0, 0.0], [3.0, 0.0], [1.0, 1.0]])
    b_BD = torch.tensor([[2.0, 0.0], [0.0, 5.0], [-1.0, 0.0], [1.0, 0.0]])

    assert_close(cosine_distance(a_BD, b_BD), torch.tensor([0.0, 1.0, 2.0, 1 - 0.5**0.5]), rtol=0, atol=1e-6)


def triplet(ap_dist_T: torch.Tensor, an_dist_T: torch.Tensor) -> torch.Tensor:
    """With one negative a pair."""
    return triplet_margin_loss(
        ap_dist_T, an_dist_T[:, None], torch.ones_like(an_dist_T[:, None], dtype=torch.bool), 0.5
    )


def test_the_triplet_loss_is_the_mean_hinge_with_its_zeros() -> None:
    ap_dist_T = torch.tensor([0.2, 0.1, 0.9, 0.4])
    an_dist_T = torch.tensor([0.3, 0.9, 0.1, 0.9])

    # 0.2 − 0.3 + 0.5 = 0.4; 0.1 − 0.9 + 0.5 < 0; 0.9 − 0.1 + 0.5 = 1.3; 0.4 − 0.9 + 0.5 = 0
    assert_close(triplet(ap_dist_T, an_dist_T), torch.tensor((0.4 + 0 + 1.3 + 0) / 4), rtol=0, atol=1e-6)


def test_invalid_triplets_are_ignored() -> None:
    ap_dist_T, an_dist_TK = torch.tensor([0.2, 0.6]), torch.tensor([[0.3, 0.0], [0.4, 0.5]])
    valid_TK = torch.tensor([[True, False], [True, True]])

    # 0.4 | 0.7, 0.6
    loss = triplet_margin_loss(ap_dist_T, an_dist_TK, valid_TK, margin=0.5)

    assert_close(loss, torch.tensor((0.4 + 0.7 + 0.6) / 3), rtol=0, atol=1e-6)


def test_an_easy_triplet_has_no_gradient() -> None:
    ap_dist_T = torch.tensor([0.1, 0.6], requires_grad=True)
    an_dist_T = torch.tensor([0.9, 0.6], requires_grad=True)

    triplet(ap_dist_T, an_dist_T).backward()  # type: ignore[no-untyped-call]

    assert_close(ap_dist_T.grad, torch.tensor([0.0, 0.5]))
    assert_close(an_dist_T.grad, torch.tensor([0.0, -0.5]))


def test_infonce_of_known_similarities() -> None:
    ap_sim_T = torch.tensor([0.8, 0.5])
    an_sim_TM = torch.tensor([[0.2, 0.4, 0.9], [0.5, 0.1, 0.3]])
    negative_TM = torch.tensor([[True, True, False], [True, False, False]])

    first = -math.log(math.exp(1.6) / (math.exp(1.6) + math.exp(0.4) + math.exp(0.8)))
    second = math.log(2)
    loss = infonce_loss(ap_sim_T, an_sim_TM, negative_TM, temperature=0.5)

    assert_close(loss, torch.tensor((first + second) / 2), rtol=0, atol=1e-6)


def test_infonce_is_cross_entropy_where_every_other_image_is_a_negative() -> None:
    sim_TT = torch.rand(6, 6, generator=torch.Generator().manual_seed(0))

    loss = infonce_loss(sim_TT.diagonal(), sim_TT, ~torch.eye(6, dtype=torch.bool), temperature=0.07)

    assert_close(loss, F.cross_entropy(sim_TT / 0.07, torch.arange(6)), rtol=0, atol=1e-6)


def test_supcon_of_known_similarities() -> None:
    sim_NM = torch.tensor([[0.0, 0.8, 0.6, 0.2], [0.8, 0.0, 0.5, 0.1], [0.2, 0.1, 0.3, 0.0]])
    positive_NM = torch.tensor([[False, True, True, False], [True, False, False, False], 4 * [False]])
    negative_NM = torch.tensor([3 * [False] + [True], [False, False, True, True], [True, True, False, False]])

    # Image 0 has two positives; image 2 has none, and does not count.
    total_0 = math.exp(1.6) + math.exp(1.2) + math.exp(0.4)
    first = -(math.log(math.exp(1.6) / total_0) + math.log(math.exp(1.2) / total_0)) / 2
    second = -math.log(math.exp(1.6) / (math.exp(1.6) + math.exp(1.0) + math.exp(0.2)))
    loss = supcon_loss(sim_NM, positive_NM, negative_NM, temperature=0.5)

    assert_close(loss, torch.tensor((first + second) / 2), rtol=0, atol=1e-6)


def test_supcon_with_one_positive_each_is_infonce() -> None:
    sim_NN = torch.rand(6, 6, generator=torch.Generator().manual_seed(0))
    partner_N = torch.tensor([3, 4, 5, 0, 1, 2])
    positive_NN = F.one_hot(partner_N, 6).bool()
    negative_NN = ~positive_NN & ~torch.eye(6, dtype=torch.bool)

    ap_sim_N = sim_NN[torch.arange(6), partner_N]
    expected = infonce_loss(ap_sim_N, sim_NN, negative_NN, temperature=0.07)

    assert_close(supcon_loss(sim_NN, positive_NN, negative_NN, temperature=0.07), expected, rtol=0, atol=1e-6)


def test_supcon_of_an_image_without_positives_and_negatives_has_a_finite_gradient() -> None:
    sim_NN = torch.rand(3, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    positive_NN = torch.tensor([[False, True, False], [True, False, False], [False, False, False]])

    supcon_loss(sim_NN, positive_NN, torch.zeros(3, 3, dtype=torch.bool), temperature=0.07).backward()  # type: ignore[no-untyped-call]

    assert sim_NN.grad is not None and sim_NN.grad.isfinite().all()


EMBEDDINGS_ND = torch.randn(8, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
"""Four pairs: 0 and 4, 1 and 5, 2 and 6, 3 and 7."""


def similarities(embeddings_ND: torch.Tensor) -> torch.Tensor:
    unit_ND = F.normalize(embeddings_ND, dim=1)
    return unit_ND @ unit_ND.T


def triplet_of(embeddings_ND: torch.Tensor) -> torch.Tensor:
    dist_NN = 1 - similarities(embeddings_ND)
    a, p = torch.arange(4), torch.arange(4, 8)
    n_TK = torch.tensor([[1, 2], [2, 7], [3, 0], [4, 5]])
    return triplet_margin_loss(dist_NN[a, p], dist_NN[a].gather(1, n_TK), torch.ones(4, 2, dtype=torch.bool), 0.5)


def infonce_of(embeddings_ND: torch.Tensor) -> torch.Tensor:
    sim_NN, a, p = similarities(embeddings_ND), torch.arange(4), torch.arange(4, 8)
    negative_TN = torch.arange(8)[None] % 4 != a[:, None]
    return infonce_loss(sim_NN[a, p], sim_NN[a], negative_TN, 0.07)


def supcon_of(embeddings_ND: torch.Tensor) -> torch.Tensor:
    group_N = torch.tensor([0, 0, 1, 1, 0, 0, 1, 1])
    same_NN = group_N == group_N[:, None]
    return supcon_loss(similarities(embeddings_ND), same_NN & ~torch.eye(8, dtype=torch.bool), ~same_NN, 0.07)


@pytest.mark.parametrize("loss", [triplet_of, infonce_of, supcon_of])
def test_gradients_equal_numerical_ones(loss: Callable[[torch.Tensor], torch.Tensor]) -> None:
    assert torch.autograd.gradcheck(loss, EMBEDDINGS_ND.clone().requires_grad_())
