"""The registry of objectives, and what every objective promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foundation.errors import SettingsError
from tests.conftest import SAMPLES
from tests.unit.trainer.toy_service import ToyService
from trainer.data.triplets import TripletLoader
from trainer.distributed.ranks import RankShard
from trainer.models.trunk import Trunk
from trainer.objectives.registry import OBJECTIVES, unused_settings
from trainer.runs.run import Run
from trainer.settings import ObjectiveName, TrainSettings

TRACKS_ALONE = {"id": "c3d4", "counts": {"transitive": 0, "intra": 100, "inter": 0}}


def settle(folder: Path, **given: Any) -> TrainSettings:
    with Run(folder) as run:
        return run.settings(given, lambda wanted: TRACKS_ALONE, lambda text: None)[0]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_builds_a_model_with_a_trunk(name: ObjectiveName) -> None:
    images = str(SAMPLES / "heldout") if name == "supervised" else None
    settings = TrainSettings(objective=name, image_size=32, head="8,4", images=images, **OBJECTIVES[name].defaults)
    assert isinstance(OBJECTIVES[name].implementation_class().build(settings).trunk, Trunk)


def test_tracking_uses_intra_pairs_only(tmp_path: Path) -> None:
    assert settle(tmp_path / "run", objective="tracking").mix == "intra:1"


def test_a_setting_that_the_objective_does_not_read_is_an_error(tmp_path: Path) -> None:
    assert unused_settings("tracking") >= {"mix"}
    with pytest.raises(SettingsError, match="tracking has no use for --mix"):
        settle(tmp_path / "run", objective="tracking", mix="inter:1")


def test_a_rank_decodes_its_own_rows_and_has_all_targets() -> None:
    load = TripletLoader(ToyService(), TrainSettings(snapshot="toy", batch=4, image_size=32))
    whole, second = load(0), load(0, RankShard(1, 2))
    assert second.inputs[0].equal(whole.inputs[0][6:])
    assert all(second.targets[name].equal(index) for name, index in whole.targets.items())
    assert (second.images, second.pairs) == (whole.images, whole.pairs)
