from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from trainer.models.siamese import TripletSiamese
from trainer.models.trunk import Trunk
from trainer.settings import COMMON_TRUNKS


def images(count: int, size: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("architecture", COMMON_TRUNKS)
def test_a_map_is_512_by_3_by_3_at_96_pixels(architecture: str) -> None:
    map_NCHW = Trunk(architecture).eval()(images(1, 96))

    assert map_NCHW.shape == (1, 512, 3, 3)
    assert map_NCHW.flatten(1).shape == (1, 4608)


def test_the_trunk_of_vgg16_ends_with_pool5() -> None:
    last = torchvision.models.vgg16(weights=None).features[30]

    assert isinstance(last, nn.MaxPool2d)
    assert len(list(Trunk("vgg16").get_submodule("net.features").children())) == 31


@pytest.mark.parametrize("architecture", COMMON_TRUNKS)
def test_a_trunk_is_the_torchvision_network_without_its_classifier(architecture: str) -> None:
    trunk = Trunk(architecture).eval()
    net = torchvision.models.get_model(architecture, weights=None)
    setattr(net, trunk.removed[0], nn.Identity())
    net.avgpool = nn.Identity()
    net.load_state_dict(trunk.state_dict(), strict=True)
    scaled_NCHW = torchvision.transforms.functional.normalize(
        images(2, 96) / 255, mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]
    )

    torch.testing.assert_close(trunk(images(2, 96)).flatten(1), net.eval()(scaled_NCHW), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [64, 96, 100])
def test_the_head_fits_any_image_size(size: int) -> None:
    model = TripletSiamese("resnet18", size, (64, 16))

    assert model(images(2, size)).shape == (2, 16)


def test_the_head_of_the_paper_is_4096_then_1024_wide() -> None:
    linear = [part for part in TripletSiamese("resnet18", 96).head if isinstance(part, nn.Linear)]

    assert [(part.in_features, part.out_features) for part in linear] == [(4608, 4096), (4096, 1024)]


def test_building_a_network_does_not_change_running_means() -> None:
    running = TripletSiamese("resnet18", 64, (8, 4)).trunk.state_dict()["bn1.running_mean"]

    assert torch.equal(running, torch.zeros(64))


def test_the_seed_determines_the_first_weights() -> None:
    def first_weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return next(TripletSiamese("resnet18", 64, (8, 4)).head.parameters()).detach()

    assert torch.equal(first_weights(1), first_weights(1))
    assert not torch.equal(first_weights(1), first_weights(2))
