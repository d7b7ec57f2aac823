"""Evaluation in the middle of a training: nearest neighbors on a labeled folder, distances on held-out pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from foundation.errors import SettingsError
from trainer.data.images import Image, read_square
from trainer.data.triplets import TripletSource
from trainer.evaluation.distances import HeldOut, collect_held_out, mean_distances
from trainer.evaluation.features import trunk_features
from trainer.evaluation.knn import score_features
from trainer.evaluation.labeled_folder import LabelledImages, read_labelled
from trainer.models.siamese import Model
from trainer.objectives.registry import OBJECTIVES
from trainer.settings import INSTANCE_PATTERN, RuntimeSettings, TrainSettings

Values = dict[str, float]
SAME = "The run trains on {}, whose pairs are to be evaluated: its held-out videos are not held out of training."
PAIRS = 500
"""Held-out pairs of each kind, at most."""


class Evaluator:
    """Measures a model as `affinity evaluate` does, on images that are read once. The model is left as it was."""

    def __init__(
        self, machine: RuntimeSettings, settings: TrainSettings, source: TripletSource, say: Callable[[str], None]
    ) -> None:
        """Raises BenchmarkError where the folder or the snapshot cannot serve, SettingsError where nothing is left to
        measure, and what the client raises."""
        self.measures: list[Callable[[Model], Values]] = []
        self.about: dict[str, str] = {}
        """What the measures are of, where that is not in the settings: the `snapshot` of the held-out pairs."""
        if machine.evaluate_on:
            images = read_labelled(Path(machine.evaluate_on), INSTANCE_PATTERN)
            pixels = np.stack([read_square(path, settings.image_size) for path in images.paths])
            self.measures.append(lambda model: _neighbors(model, images, pixels))
        if machine.evaluate_pairs and OBJECTIVES[settings.objective].embeds:
            about = source.snapshot(machine.evaluate_pairs)
            if about["id"] == settings.snapshot:
                say(SAME.format(about["id"]))
            held_out = _collect(about, machine.hold_out, settings, source)
            self.measures.append(lambda model: mean_distances(model, held_out))
            self.about["snapshot"] = about["id"]
        if not self.measures:
            raise SettingsError(
                f"The objective {settings.objective} has no use for --evaluate-pairs, as its network embeds no images. "
                "Name a folder with --evaluate-on."
            )

    def __call__(self, model: Model) -> Values:
        training = model.training
        try:
            return {name: value for measure in self.measures for name, value in measure(model).items()}
        finally:
            model.train(training)


def _neighbors(model: Model, images: LabelledImages, pixels: Image) -> Values:
    score = score_features("model", trunk_features(model.trunk, pixels), images)
    return {"knn": score.accuracy.mean, "knn_top1": score.top1.mean, "precision": score.precision.mean}


def _collect(about: Mapping[str, Any], hold_out: float, settings: TrainSettings, source: TripletSource) -> HeldOut:
    return collect_held_out(
        source,
        about["id"],
        about["counts"],
        hold_out=hold_out,
        wanted=PAIRS,
        seed=settings.seed,
        size=settings.image_size,
    )
