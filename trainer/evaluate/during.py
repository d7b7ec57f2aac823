"""Evaluation in the middle of a training: nearest neighbors on a labeled folder, distances on held-out pairs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from trainer.evaluate.distances import HeldOut, collect_held_out, mean_distances
from trainer.evaluate.features import trunk_features
from trainer.evaluate.knn import score_features
from trainer.evaluate.labelled import LabelledImages, read_labelled
from trainer.images import Image, read_square
from trainer.model import Model
from trainer.objectives import KINDS
from trainer.settings import INSTANCE_PATTERN, Machine, TrainSettings
from trainer.stream import TripletSource

Values = dict[str, float]
PAIRS = 500
"""Held-out pairs of each kind, at most."""


class Evaluator:
    """Measures a model as `affinity evaluate` does, on images that are read once. The model is left as it was."""

    def __init__(self, machine: Machine, settings: TrainSettings, source: TripletSource) -> None:
        """Raises BenchmarkError where the folder or the snapshot cannot serve, and what the client raises."""
        self.measures: list[Callable[[Model], Values]] = []
        if machine.evaluate_on:
            images = read_labelled(Path(machine.evaluate_on), INSTANCE_PATTERN)
            pixels = np.stack([read_square(path, settings.image_size) for path in images.paths])
            self.measures.append(lambda model: _neighbors(model, images, pixels))
        if machine.evaluate_pairs and KINDS[settings.objective].embeds:
            held_out = _collect(machine.evaluate_pairs, machine.hold_out, settings, source)
            self.measures.append(lambda model: mean_distances(model, held_out))

    def __call__(self, model: Model) -> Values:
        training = model.training
        try:
            return {name: value for measure in self.measures for name, value in measure(model).items()}
        finally:
            model.train(training)


def _neighbors(model: Model, images: LabelledImages, pixels: Image) -> Values:
    score = score_features("model", trunk_features(model.trunk, pixels), images)
    return {"knn": score.accuracy.mean, "knn_top1": score.top1.mean, "precision": score.precision.mean}


def _collect(snapshot: str, hold_out: float, settings: TrainSettings, source: TripletSource) -> HeldOut:
    about = source.snapshot(snapshot)
    return collect_held_out(
        source,
        about["id"],
        about["counts"],
        hold_out=hold_out,
        wanted=PAIRS,
        seed=settings.seed,
        size=settings.image_size,
    )
