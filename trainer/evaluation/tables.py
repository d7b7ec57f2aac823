"""Tables of the evaluations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.table import Table

from trainer.evaluation.context import CHANCE, ContextScore
from trainer.evaluation.distances import DistanceScore
from trainer.evaluation.holdout import HeldOutSet
from trainer.evaluation.knn import PRECISION_AT, KnnScore
from trainer.evaluation.labeled_folder import LabeledImages


def knn_table(images: LabeledImages, scores: Sequence[KnnScore], k: int, chance: float) -> Table:
    """Make a table with one row for each feature: means with their 95 % intervals."""
    table = Table(
        title=f"Nearest neighbors among other instances: {len(images.paths)} images, {images.num_instances} instances, "
        f"{len(images.classes)} classes, chance {chance:.3f}",
        caption="Mean [95 % interval, bootstrap over instances]",
    )
    for heading in ("feature", "dims", f"{k}-NN accuracy", "1-NN accuracy", f"precision@{PRECISION_AT}"):
        table.add_column(heading, justify="left" if heading == "feature" else "right")
    for score in scores:
        table.add_row(score.name, str(score.dims), str(score.accuracy), str(score.top1), str(score.precision))
    return table


def class_table(images: LabeledImages, scores: Sequence[KnnScore]) -> Table:
    """Make a table with one row for each class and one column for each feature."""
    table = Table(title="Accuracy by class")
    table.add_column("class")
    for heading in ("instances", "images", *(score.name for score in scores)):
        table.add_column(heading, justify="right")
    for number, label in enumerate(images.classes):
        is_class_N = images.labels_N == number
        instances = len(np.unique(images.instances_N[is_class_N]))
        accuracies = (f"{score.per_class[label]:.3f}" for score in scores)
        table.add_row(label, str(instances), str(int(is_class_N.sum())), *accuracies)
    return table


def distance_table(held_out: HeldOutSet, scores: Sequence[DistanceScore]) -> Table:
    """Make a table with one row for each network."""
    table = Table(
        title=f"{len(held_out.pairs)} transitive pairs of {held_out.pairs.num_videos} held-out videos, "
        f"{len(held_out.tracks)} tracks of {held_out.tracks.num_videos}",
        caption="Mean [95 % interval, bootstrap over videos]; C is a patch of another group, also of a held-out video",
    )
    for heading in ("network", "D(A, A')", "D(A, B')", "D(A, C)", "difference", "D(A, B') < D(A, C)", "loss"):
        table.add_column(heading, justify="left" if heading == "network" else "right")
    for score in scores:
        estimates = (score.aa_dist, score.ab_dist, score.ac_dist, score.gap, score.closer, score.loss)
        table.add_row(score.name, *map(str, estimates))
    return table


def context_table(num_images: int, pairs: int, scores: Sequence[ContextScore]) -> Table:
    """Make a table with one row for each network."""
    table = Table(
        title=f"The place of one patch relative to another: {pairs} pairs of {num_images} held-out images, "
        f"chance {CHANCE:.3f}",
        caption="Share predicted correctly [95 % interval, bootstrap over videos]",
    )
    table.add_column("network")
    table.add_column("accuracy", justify="right")
    for score in scores:
        table.add_row(score.name, str(score.accuracy))
    return table
