"""ParallelModel: synchronized normalization, bfloat16 and compilation do not change what a model computes."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from trainer.distributed.parallel import ParallelModel, synchronize_batchnorm
from trainer.models.siamese import TripletSiamese
from trainer.objectives.context import ContextSiamese

IMAGES = torch.randint(0, 256, (6, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def siamese(trunk: str) -> TripletSiamese:
    torch.manual_seed(0)
    return TripletSiamese(trunk, 64, (16, 8))


@pytest.mark.parametrize("trunk", ["resnet18", "timm:test_resnet", "timm:test_efficientnet"])
def test_synchronized_batchnorm_is_equal_in_evaluation(trunk: str) -> None:
    model = siamese(trunk)
    model(IMAGES)  # changes the running statistics
    model.eval()
    with torch.no_grad():
        before = model(IMAGES)
        synchronize_batchnorm(model)
        after = model(IMAGES)

    norms = [part for part in model.modules() if isinstance(part, _BatchNorm)]
    assert norms and all(isinstance(part, nn.SyncBatchNorm) for part in norms)
    torch.testing.assert_close(after, before)


def test_a_context_network_exports_the_same_trunk_after_synchronization() -> None:
    torch.manual_seed(0)
    model = ContextSiamese("vgg11", 64, 16).eval()
    alone = model.exported_trunk().state_dict()

    synchronize_batchnorm(model)

    together = model.exported_trunk().state_dict()
    assert alone.keys() == together.keys()
    assert all(alone[name].equal(tensor) for name, tensor in together.items())


@pytest.mark.parametrize("trunk", ["vgg16", "timm:test_resnet"])
def test_bfloat16_gives_nearly_equal_outputs(trunk: str) -> None:
    model = siamese(trunk).eval()
    with torch.no_grad():
        exact = model(IMAGES)
        with torch.autocast("cpu", torch.bfloat16):
            found = model(IMAGES)

    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), exact, rtol=0, atol=0.05 * float(exact.abs().max()))


def test_a_compiled_model_has_equal_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    # This backend runs the traced code as it is. The default one needs a C++ compiler, which not every machine has.
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    found = []
    for compiled in (False, True):
        model = siamese("timm:test_resnet")
        (outputs,) = ParallelModel(model, compiled=compiled)((IMAGES,))
        outputs.square().sum().backward()  # type: ignore[no-untyped-call]
        found.append((outputs.detach(), model.trunk.state_dict(), model.head[1].weight.grad))
    torch.testing.assert_close(found[1], found[0], rtol=1e-3, atol=1e-3)
