"""Extractors that are networks: what they load, what they refuse, what their numbers depend on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
import torchvision
from numpy.typing import NDArray

from foundation.errors import SettingsError
from ingest.errors import MissingPackage, UnknownExtractor
from ingest.features.factory import load_extractor
from ingest.features.grayscale import to_grayscale
from ingest.settings import ExtractorSpec
from tests.hiding import without
from tests.unit.ingest.features.photographs import photographs
from trainer.errors import WeightsError
from trainer.evaluation.features import trunk_features
from trainer.models.trunk import Trunk
from trainer.models.weights import save_trunk

CARD = {"settings": {"image_size": 96}, "steps": 1}


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A trunk as the trainer leaves it."""
    torch.manual_seed(3)
    path = tmp_path / "trunk.safetensors"
    save_trunk(Trunk("resnet18"), path, CARD)
    return path


def color(name: str, weights: Path | None = None) -> ExtractorSpec:
    return ExtractorSpec(features=name, weights=weights, crops="color")


def cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float((a * b).sum(axis=1).min())


def test_the_extractor_of_a_trunk_gives_the_trainers_features(exported: Path) -> None:
    extractor = load_extractor(color(f"trunk:{exported}"))
    trunk = Trunk("resnet18")
    trunk.load_state_dict(safetensors.torch.load_file(exported))
    wanted = trunk_features(trunk, photographs())
    assert (extractor.name, extractor.dims, extractor.whiten) == ("trunk:resnet18", 4608, 128)
    np.testing.assert_allclose(
        extractor(photographs()), wanted / np.linalg.norm(wanted, axis=1, keepdims=True), atol=1e-5
    )


def test_vgg16_gives_pool5(tmp_path: Path) -> None:
    """The paper's 4,608 numbers, whatever becomes of the layers after them."""
    path = tmp_path / "vgg16.safetensors"
    save_trunk(Trunk("vgg16"), path, CARD)
    extractor = load_extractor(color("torchvision:vgg16", path))
    with torch.device("meta"):
        network = torchvision.models.vgg16(weights=None)
    network.load_state_dict(safetensors.torch.load_file(path), strict=False, assign=True)
    images = torch.from_numpy(photographs()).permute(0, 3, 1, 2) / 255
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.no_grad():
        pool5 = network.features[:31].eval()((images - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)).flatten(1).numpy()
    assert extractor.dims == pool5.shape[1] == 4608
    np.testing.assert_allclose(
        extractor(photographs()), pool5 / np.linalg.norm(pool5, axis=1, keepdims=True), atol=1e-5
    )


@pytest.mark.parametrize("name", ["torchvision:squeezenet1_1", "timm:test_resnet", "timm:test_vit"])
def test_networks_of_either_library_give_unit_rows(name: str) -> None:
    rows = load_extractor(ExtractorSpec(features=name))(photographs())
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert np.ptp(rows, axis=0).max() > 0


def test_a_row_does_not_depend_on_the_crops_beside_it() -> None:
    extractor, crops = (
        load_extractor(ExtractorSpec(features="torchvision:squeezenet1_1")),
        np.tile(photographs(), (9, 1, 1, 1)),
    )
    together = extractor(crops)
    np.testing.assert_array_equal(together[:4], together[-4:])
    np.testing.assert_array_equal(np.concatenate([extractor(crops[:3]), extractor(crops[3:])]), together)


def test_blank_crops_and_no_crops_give_no_direction() -> None:
    extractor = load_extractor(ExtractorSpec(features="torchvision:squeezenet1_1"))
    assert not extractor(np.full((2, 96, 96, 3), 77, np.uint8)).any()
    assert extractor(np.empty((0, 96, 96, 3), np.uint8)).shape == (0, extractor.dims)


def test_gray_crops_say_nothing_of_color_brightness_and_contrast() -> None:
    crops = photographs()
    light = crops @ np.array([0.299, 0.587, 0.114])
    tint = np.array([0.5, 1.0, 0.7])
    other = np.clip(0.6 * light[..., None] * tint / (tint @ [0.299, 0.587, 0.114]) + 20, 0, 255).astype(np.uint8)
    name = "torchvision:squeezenet1_1"
    seen, literal = load_extractor(ExtractorSpec(features=name)), load_extractor(color(name))
    assert cosine(seen(crops), seen(other)) > 0.995 > cosine(literal(crops), literal(other))
    assert np.ptp(to_grayscale(crops), axis=3).max() == 0
    np.testing.assert_allclose(to_grayscale(crops).mean(axis=(1, 2, 3)), 127.5, atol=4)


def test_gray_is_the_default_for_networks_and_an_option_for_hog() -> None:
    net = "timm:test_resnet"
    digests = {
        (name, crops): load_extractor(ExtractorSpec(features=name, crops=crops)).digest
        for name in ("hog", net)
        for crops in (None, "gray", "color")
    }
    assert digests[net, None] == digests[net, "gray"] != digests[net, "color"]
    assert digests["hog", None] == digests["hog", "color"] != digests["hog", "gray"]
    with pytest.raises(SettingsError, match="gray or color"):
        load_extractor(ExtractorSpec(crops="red"))  # type: ignore[arg-type]


def test_hog_beside_a_network_compares_by_both() -> None:
    crops = photographs()
    both = load_extractor(ExtractorSpec(features="hog+timm:test_resnet"))
    hog, network = load_extractor(ExtractorSpec()), load_extractor(ExtractorSpec(features="timm:test_resnet"))
    rows = both(crops)
    np.testing.assert_allclose(
        rows @ rows.T, (hog(crops) @ hog(crops).T + network(crops) @ network(crops).T) / 2, atol=1e-5
    )
    assert (both.name, both.dims, both.whiten) == ("hog+timm:test_resnet", hog.dims + network.dims, 0)
    assert both.digest not in (hog.digest, network.digest)


def test_a_digest_names_network_weights_and_size(exported: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.safetensors"
    save_trunk(Trunk("resnet18"), again, CARD)
    smaller = tmp_path / "smaller.safetensors"
    smaller.write_bytes(exported.read_bytes())
    smaller.with_suffix(".json").write_text(exported.with_suffix(".json").read_text().replace(": 96", ": 64"))
    moved = tmp_path / "moved.safetensors"
    for suffix in (".safetensors", ".json"):
        moved.with_suffix(suffix).write_bytes(exported.with_suffix(suffix).read_bytes())
    digests = [load_extractor(color(f"trunk:{path}")).digest for path in (exported, again, smaller, moved)]
    assert digests[0] == digests[3]
    assert len(set(digests)) == 3
    assert load_extractor(color("torchvision:resnet18", exported)).digest not in digests


def test_random_weights_are_the_same_each_time_and_so_are_rows_on_one_thread_and_on_two() -> None:
    threads = torch.get_num_threads()
    found = []
    try:
        for count in (1, 2):
            torch.manual_seed(count)
            torch.set_num_threads(count)
            found.append(load_extractor(ExtractorSpec(features="timm:test_resnet"))(photographs()))
            assert torch.initial_seed() == count
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(found[0], found[1])


def test_weights_of_another_network_are_refused_with_what_does_not_fit(exported: Path, tmp_path: Path) -> None:
    tensors = safetensors.torch.load_file(exported)
    tensors["conv9.weight"] = tensors.pop("conv1.weight")
    tensors["bn1.bias"] = torch.zeros(3)
    wrong = tmp_path / "wrong.safetensors"
    safetensors.torch.save_file(tensors, wrong)
    with pytest.raises(WeightsError) as caught:
        load_extractor(color("torchvision:resnet18", wrong))
    for part in ("issing: conv1.weight", "not of this network: conv9.weight", "another shape: bn1.bias (3, not 64)"):
        assert part in str(caught.value)
    with pytest.raises(WeightsError, match="squeezenet1_1"):
        load_extractor(color("torchvision:squeezenet1_1", exported))
    with pytest.raises(WeightsError, match="test_resnet"):
        load_extractor(color("timm:test_resnet", exported))


def test_the_classifier_of_a_file_is_passed_over(tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = torchvision.models.squeezenet1_1(weights=None)
    whole = tmp_path / "whole.pt"
    torch.save(network.state_dict(), whole)
    assert load_extractor(color("torchvision:squeezenet1_1", whole))(photographs()).any()


def test_files_that_cannot_be_read_are_refused_with_their_name(exported: Path, tmp_path: Path) -> None:
    def refused(recipe: ExtractorSpec) -> str:
        with pytest.raises(WeightsError) as caught:
            load_extractor(recipe)
        return str(caught.value)

    assert "absent.json" in refused(color(f"trunk:{tmp_path / 'absent.safetensors'}"))
    assert "absent.pt" in refused(color("timm:test_resnet", tmp_path / "absent.pt"))
    garbage = tmp_path / "garbage.pt"
    garbage.write_bytes(b"garbage")
    assert "garbage.pt" in refused(color("torchvision:resnet18", garbage))
    torch.save([1], garbage)
    assert "no state dict" in refused(color("torchvision:resnet18", garbage))
    card: dict[str, Any] = json.loads(exported.with_suffix(".json").read_text())
    del card["architecture"]
    exported.with_suffix(".json").write_text(json.dumps(card))
    assert "has no 'architecture'" in refused(color(f"trunk:{exported}"))
    exported.with_suffix(".json").write_text("{")
    assert "trunk.json" in refused(color(f"trunk:{exported}"))


@pytest.mark.parametrize(
    "name",
    [
        "vgg16",
        "torchvision:",
        "torchvision:nothing",
        "torchvision:vit_b_32",
        "timm:nothing",
        "keras:vgg16",
        "hog+",
        "hog+hog+hog",
        "hog+sift",
    ],
)
def test_unknown_networks_are_refused_with_the_ways_to_name_one(name: str) -> None:
    with pytest.raises(UnknownExtractor, match="Use one of"):
        load_extractor(ExtractorSpec(features=name))


def test_weights_are_refused_where_they_have_no_place(exported: Path) -> None:
    for name in ("hog", f"trunk:{exported}"):
        with pytest.raises(SettingsError, match="weights"):
            load_extractor(ExtractorSpec(features=name, weights=exported))


@pytest.mark.parametrize(("hidden", "name"), [("torch", "torchvision:resnet18"), ("timm", "timm:test_resnet")])
def test_a_missing_package_is_named_with_its_extra(hidden: str, name: str, tmp_path: Path) -> None:
    script = (
        "from ingest.features.factory import load_extractor\nfrom ingest.settings import ExtractorSpec\n"
        f"load_extractor(ExtractorSpec(features={name!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=without([hidden], tmp_path), capture_output=True, text=True
    )
    assert MissingPackage.__name__ in done.stderr
    assert f"needs {hidden}" in done.stderr and "affinity-graph[networks]" in done.stderr
