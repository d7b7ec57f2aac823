"""Trunks of many networks, and their weights in files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import timm
import torch
import torchvision
from torch import nn

from foundation.errors import SettingsError
from ingest.features.factory import load_extractor
from ingest.settings import ExtractorSpec
from tests.unit.ingest.features.photographs import photographs
from trainer.errors import WeightsError
from trainer.evaluation.features import trunk_features
from trainer.models.provenance import code_revision
from trainer.models.siamese import TripletSiamese
from trainer.models.trunk import HEADS, Trunk
from trainer.models.weights import load_trunk, save_trunk
from trainer.runs.export import export_weights

NAMES = ("resnet18", "vgg16_bn", "squeezenet1_1", "mobilenet_v3_small", "regnet_y_400mf", "timm:test_resnet")
ABOUT: dict[str, Any] = {"settings": {"image_size": 64}, "steps": 7}


def images(size: int = 64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, 3, size, size), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [64, 96])
def test_trunks_keep_the_spatial_map(name: str, size: int) -> None:
    maps_NCHW = Trunk(name, size).eval()(images(size))
    assert maps_NCHW.ndim == 4 and maps_NCHW.shape[2] == maps_NCHW.shape[3] > 1
    assert maps_NCHW.isfinite().all() and maps_NCHW.std() > 0


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "regnet_y_400mf", "convnext_tiny"])
def test_a_trunk_is_the_network_without_its_head(name: str) -> None:
    trunk, whole = Trunk(name).eval(), torchvision.models.get_model(name).eval()
    for part in HEADS:
        if hasattr(whole, part):
            setattr(whole, part, nn.Identity())
    whole.load_state_dict(trunk.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(trunk(images()).flatten(1), whole(trunk.normalize(images())).flatten(1))


def test_a_transformer_gives_its_pooled_vector_at_another_image_size() -> None:
    model = TripletSiamese("timm:test_vit", 96, (16, 8)).eval()
    assert model.trunk(images(96)).ndim == 2
    assert model(images(96)).shape == (2, 8)


@pytest.mark.parametrize("name", ["resnet999", "timm:resnet999", "fcn_resnet50", "maxvit_t"])
def test_a_network_that_cannot_be_a_trunk_is_an_error_with_its_name(name: str) -> None:
    with pytest.raises(SettingsError, match=f"trunk '?{name}"):
        Trunk(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_trunk_has_the_names_of_its_library(name: str, tmp_path: Path) -> None:
    trunk = Trunk(name)
    save_trunk(trunk, tmp_path / "trunk.safetensors", ABOUT)
    loaded, card = load_trunk(tmp_path / "trunk.safetensors")
    theirs = loaded.state_dict()
    assert all(torch.equal(tensor, theirs[key]) for key, tensor in trunk.state_dict().items())
    library = timm.create_model(trunk.name) if trunk.library == "timm" else torchvision.models.get_model(name)
    assert set(theirs) < set(library.state_dict())
    assert (card["library"], card["architecture"]) == (trunk.library, trunk.name)


@pytest.mark.parametrize("name", ["resnet18", "timm:test_resnet", "timm:test_vit"])
def test_the_extractor_of_a_trunk_gives_the_features_of_the_trunk(name: str, tmp_path: Path) -> None:
    trunk, path = Trunk(name, 96), tmp_path / "trunk.safetensors"
    save_trunk(trunk, path, {"settings": {"image_size": 96}, "steps": 1})
    extractor = load_extractor(ExtractorSpec(features=f"trunk:{path}", crops="color"))
    rows, wanted = extractor(photographs()), trunk_features(trunk, photographs())
    assert abs(rows - wanted / (wanted**2).sum(axis=1, keepdims=True) ** 0.5).max() < 1e-4


def test_the_card_has_the_code_revision_and_the_objective(tmp_path: Path) -> None:
    about = {"settings": {"image_size": 64, "objective": "tracking", "snapshot": "a1b2"}, "pairs": {"intra": 9}}
    save_trunk(Trunk("resnet18"), tmp_path / "trunk.safetensors", about)
    card = json.loads((tmp_path / "trunk.json").read_text())
    assert (card["objective"], card["snapshot"], card["pairs"]) == ("tracking", "a1b2", {"intra": 9})
    assert card["versions"]["revision"] == code_revision()
    assert card["input"] == {"size": 64, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_exported_weights_load_strictly_into_the_plain_network(tmp_path: Path, suffix: str) -> None:
    trunk, path = Trunk("resnet18"), tmp_path / f"plain{suffix}"
    save_trunk(trunk, tmp_path / "trunk.safetensors", ABOUT)

    export_weights(str(tmp_path / "trunk.safetensors"), path, tmp_path, trunk_only=False)

    network = torchvision.models.resnet18()
    state = torch.load(path) if suffix == ".pth" else safetensors.torch.load_file(path)
    network.load_state_dict(state, strict=True)
    assert torch.equal(network.layer4[1].conv2.weight, trunk.state_dict()["layer4.1.conv2.weight"])
    assert load_extractor(ExtractorSpec(features=f"trunk:{path}")).dims == 2048


def test_exported_weights_keep_the_facts_of_their_training(tmp_path: Path) -> None:
    about = {**ABOUT, "run": "ours", "pairs": {"intra": 9}, "versions": {"revision": "that of the training"}}
    save_trunk(Trunk("timm:test_resnet", 64), tmp_path / "trunk.safetensors", about)
    export_weights(str(tmp_path / "trunk.safetensors"), tmp_path / "plain.pth", tmp_path, trunk_only=False)
    card = json.loads((tmp_path / "plain.json").read_text())
    assert (card["run"], card["pairs"], card["versions"]) == ("ours", about["pairs"], about["versions"])


def test_exported_weights_of_timm_load_strictly_without_classes(tmp_path: Path) -> None:
    save_trunk(Trunk("timm:test_resnet", 64), tmp_path / "trunk.safetensors", ABOUT)
    export_weights(str(tmp_path / "trunk.safetensors"), tmp_path / "plain.pth", tmp_path, trunk_only=False)
    network = timm.create_model("test_resnet", num_classes=0)
    network.load_state_dict(torch.load(tmp_path / "plain.pth"), strict=True)


def test_a_trunk_alone_can_be_exported(tmp_path: Path) -> None:
    save_trunk(Trunk("resnet18"), tmp_path / "trunk.safetensors", ABOUT)
    names = export_weights(str(tmp_path / "trunk.safetensors"), tmp_path / "plain.pth", tmp_path, trunk_only=True)
    assert set(names) == set(Trunk("resnet18").state_dict())


def test_a_file_with_an_unknown_ending_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"plain\.onnx"):
        export_weights("run", tmp_path / "plain.onnx", tmp_path, trunk_only=False)
