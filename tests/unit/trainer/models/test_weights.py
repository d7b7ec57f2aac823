from __future__ import annotations

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch
import torchvision
from torch import nn

from trainer.errors import WeightsError
from trainer.models.trunk import Trunk
from trainer.models.weights import load_trunk, load_weights, save_trunk

ABOUT = {"settings": {"image_size": 96}, "steps": 7}


def same(one: nn.Module, other: nn.Module) -> bool:
    theirs = other.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in one.state_dict().items())


def test_a_trunk_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    trunk = Trunk("resnet18")
    save_trunk(trunk, tmp_path / "trunk.safetensors", ABOUT)

    loaded, card = load_trunk(tmp_path / "trunk.safetensors")

    assert same(trunk, loaded)
    assert card["architecture"] == "resnet18" and card["steps"] == 7 and card["input"]["size"] == 96


def test_torchvision_loads_a_saved_trunk_strictly(tmp_path: Path) -> None:
    trunk = Trunk("resnet18")
    save_trunk(trunk, tmp_path / "trunk.safetensors", ABOUT)
    card = json.loads((tmp_path / "trunk.json").read_text())

    net = getattr(torchvision.models, card["architecture"])(weights=None)
    setattr(net, card["without"], nn.Identity())
    net.load_state_dict(safetensors.torch.load_file(tmp_path / "trunk.safetensors"), strict=True)

    assert same(trunk, net)


def test_weights_of_a_whole_torchvision_network_are_loaded(tmp_path: Path) -> None:
    net = torchvision.models.resnet18(weights=None)
    torch.save(net.state_dict(), tmp_path / "resnet18.pth")
    trunk = Trunk("resnet18")

    load_weights(trunk, tmp_path / "resnet18.pth")

    assert same(trunk, net)


def test_weights_of_another_network_are_an_error(tmp_path: Path) -> None:
    torch.save(torchvision.models.resnet34(weights=None).state_dict(), tmp_path / "resnet34.pth")

    with pytest.raises(WeightsError, match="not those of resnet18"):
        load_weights(Trunk("resnet18"), tmp_path / "resnet34.pth")


@pytest.mark.parametrize("name", ["gone.safetensors", "noise.safetensors", "noise.pth", "list.pth"])
def test_a_file_without_weights_is_an_error_with_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "noise.safetensors").write_bytes(b"noise")
    (tmp_path / "noise.pth").write_bytes(b"noise")
    torch.save([torch.zeros(1)], tmp_path / "list.pth")

    with pytest.raises(WeightsError, match=name):
        load_weights(Trunk("resnet18"), tmp_path / name)


def test_a_trunk_without_a_card_is_an_error(tmp_path: Path) -> None:
    safetensors.torch.save_file(Trunk("resnet18").state_dict(), tmp_path / "trunk.safetensors")

    with pytest.raises(WeightsError, match=r"trunk\.json"):
        load_trunk(tmp_path / "trunk.safetensors")
