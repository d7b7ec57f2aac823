"""Evaluation during training: nearest neighbors on a labeled folder, distances on held-out pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from foundation.errors import SettingsError
from trainer.data.images import Image, read_square
from trainer.data.triplets import TripletSource
from trainer.evaluation.distances import mean_distances
from trainer.evaluation.features import trunk_features
from trainer.evaluation.holdout import HeldOutSet, collect_held_out
from trainer.evaluation.knn import score_features
from trainer.evaluation.labeled_folder import LabeledImages, read_labeled
from trainer.models.siamese import Model
from trainer.objectives.registry import OBJECTIVES
from trainer.settings import INSTANCE_PATTERN, RuntimeSettings, TrainSettings

Values = dict[str, float]
MAX_PAIRS = 500
"""Held-out pairs of each kind, at most."""


class Evaluator:
    """Measure a model as `affinity evaluate` does, on images that are read once. The model is not changed."""

    def __init__(
        self, runtime: RuntimeSettings, settings: TrainSettings, source: TripletSource, notify: Callable[[str], None]
    ) -> None:
        """Read the folder and the pairs that the runtime settings name.

        Raises DataError if they cannot be used, SettingsError if nothing is left to measure, and the client's errors.
        """
        self.measures: list[Callable[[Model], Values]] = []
        self.about: dict[str, str] = {}
        """Facts for the file of evaluations: the `snapshot` of the held-out pairs."""
        if runtime.evaluate_on:
            images = read_labeled(Path(runtime.evaluate_on), INSTANCE_PATTERN)
            pixels = np.stack([read_square(path, settings.image_size) for path in images.paths])
            self.measures.append(lambda model: _neighbors(model, images, pixels))
        if runtime.evaluate_pairs and OBJECTIVES[settings.objective].embeds:
            snapshot = source.snapshot(runtime.evaluate_pairs)
            if snapshot["id"] == settings.snapshot:
                notify(
                    f"The run trains on {snapshot['id']}, whose pairs are to be evaluated: "
                    "its held-out videos are not held out of training."
                )
            held_out = _collect(snapshot, runtime.hold_out, settings, source)
            self.measures.append(lambda model: mean_distances(model, held_out))
            self.about["snapshot"] = snapshot["id"]
        if not self.measures:
            raise SettingsError(
                f"The setting evaluate-pairs is of no use to the objective {settings.objective}, whose network embeds "
                "no images: name a folder with --evaluate-on."
            )

    def __call__(self, model: Model) -> Values:
        training = model.training
        try:
            return {name: value for measure in self.measures for name, value in measure(model).items()}
        finally:
            model.train(training)


def _neighbors(model: Model, images: LabeledImages, pixels: Image) -> Values:
    score = score_features("model", trunk_features(model.trunk, pixels), images)
    return {"knn": score.accuracy.mean, "knn_top1": score.top1.mean, "precision": score.precision.mean}


def _collect(
    snapshot: Mapping[str, Any], hold_out: float, settings: TrainSettings, source: TripletSource
) -> HeldOutSet:
    return collect_held_out(
        source,
        snapshot["id"],
        snapshot["counts"],
        hold_out=hold_out,
        wanted=MAX_PAIRS,
        seed=settings.seed,
        size=settings.image_size,
    )
