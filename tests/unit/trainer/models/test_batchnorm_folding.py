"""Folding batch normalization does not change the maps."""

from __future__ import annotations

import torch

from trainer.models.batchnorm_folding import fold_batchnorm, with_batchnorm
from trainer.models.trunk import Trunk


def test_folding_does_not_change_the_maps() -> None:
    torch.manual_seed(0)
    variant = Trunk(with_batchnorm("vgg16"))
    images = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    for _ in range(3):
        variant(images)  # changes the running statistics
    plain = fold_batchnorm(variant, "vgg16")
    assert plain.architecture == "vgg16"
    with torch.no_grad():
        torch.testing.assert_close(plain(images), variant.eval()(images), rtol=1e-4, atol=1e-4)


def test_a_network_without_a_variant_is_not_changed() -> None:
    assert with_batchnorm("resnet18") == "resnet18"
    trunk = Trunk("resnet18")
    assert fold_batchnorm(trunk, "resnet18") is trunk
