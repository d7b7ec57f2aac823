from __future__ import annotations

import torch
from torch.testing import assert_close

from trainer.distance import cosine_distance
from trainer.loss import triplet_margin_loss


def test_cosine_distance_of_known_angles() -> None:
    a_BD = torch.tensor([[1.0, 0.0], [1.0, 0.0], [3.0, 0.0], [1.0, 1.0]])
    b_BD = torch.tensor([[2.0, 0.0], [0.0, 5.0], [-1.0, 0.0], [1.0, 0.0]])

    assert_close(cosine_distance(a_BD, b_BD), torch.tensor([0.0, 1.0, 2.0, 1 - 0.5**0.5]), rtol=0, atol=1e-6)


def test_the_loss_is_the_mean_hinge_with_its_zeros() -> None:
    ap_dist_T = torch.tensor([0.2, 0.1, 0.9, 0.4])
    an_dist_T = torch.tensor([0.3, 0.9, 0.1, 0.9])

    # 0.2 − 0.3 + 0.5 = 0.4; 0.1 − 0.9 + 0.5 < 0; 0.9 − 0.1 + 0.5 = 1.3; 0.4 − 0.9 + 0.5 = 0
    loss = triplet_margin_loss(ap_dist_T, an_dist_T, margin=0.5)

    assert_close(loss, torch.tensor((0.4 + 0 + 1.3 + 0) / 4), rtol=0, atol=1e-6)


def test_an_easy_triplet_has_no_gradient() -> None:
    ap_dist_T = torch.tensor([0.1, 0.6], requires_grad=True)
    an_dist_T = torch.tensor([0.9, 0.6], requires_grad=True)

    triplet_margin_loss(ap_dist_T, an_dist_T, margin=0.5).backward()  # type: ignore[no-untyped-call]

    assert_close(ap_dist_T.grad, torch.tensor([0.0, 0.5]))
    assert_close(an_dist_T.grad, torch.tensor([0.0, -0.5]))


def test_the_gradient_is_that_of_the_formula() -> None:
    generator = torch.Generator().manual_seed(0)
    a, p, n = torch.randn(3, 6, 5, dtype=torch.float64, generator=generator).requires_grad_().unbind(0)

    def loss(a: torch.Tensor, p: torch.Tensor, n: torch.Tensor) -> torch.Tensor:
        return triplet_margin_loss(cosine_distance(a, p), cosine_distance(a, n), margin=0.5)

    assert torch.autograd.gradcheck(loss, (a, p, n))
