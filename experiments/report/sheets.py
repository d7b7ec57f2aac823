"""Draw the nearest neighbors of held-out images among other look-alike groups, marked as right or wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from experiments.measure import HeldOut
from trainer.data.images import Image
from trainer.evaluation.features import trunk_features
from trainer.evaluation.knn import nearest
from trainer.models.trunk import Trunk

NUM_NEIGHBORS = 5
GAP, BORDER = 10, 3
WHITE, RIGHT, WRONG = 255, (40, 150, 40), (200, 40, 40)


def draw_neighbors(rows: Sequence[tuple[str, Trunk]], held_out: HeldOut, path: Path, seed: int = 0) -> None:
    """Draw one query of each class, chosen by the seed, and its neighbors for each row. Rows stand side by side."""
    labels_N = held_out.images.labels_N
    random = np.random.default_rng(seed)
    queries = [int(random.choice(np.flatnonzero(labels_N == label))) for label in range(len(held_out.images.classes))]
    panels = [_panel(title, trunk, held_out, queries) for title, trunk in rows]
    images = held_out.pixels[queries]
    first = _column("query", [_framed(image, None) for image in images])
    sheet = np.concatenate([first, *panels], axis=1)
    cv2.imwrite(str(path), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


def _panel(title: str, trunk: Trunk, held_out: HeldOut, queries: Sequence[int]) -> Image:
    features_ND = trunk_features(trunk, held_out.pixels)
    _, nearest_NK = nearest(features_ND, held_out.images.instances_N, NUM_NEIGHBORS)
    labels_N = held_out.images.labels_N
    lines = [
        np.concatenate(
            [_framed(held_out.pixels[index], bool(labels_N[index] == labels_N[query])) for index in nearest_NK[query]],
            axis=1,
        )
        for query in queries
    ]
    return _column(title, lines)


def _framed(image: Image, right: bool | None) -> Image:
    framed = np.full((len(image) + 2 * BORDER, image.shape[1] + 2 * BORDER, 3), WHITE, np.uint8)
    if right is not None:
        framed[:] = RIGHT if right else WRONG
    framed[BORDER:-BORDER, BORDER:-BORDER] = image
    return framed


def _column(title: str, lines: Sequence[Image]) -> Image:
    """Stack the lines under a title, with a gap at the right."""
    body = np.concatenate(list(lines))
    head = np.full((22, body.shape[1], 3), 255, np.uint8)
    cv2.putText(head, title, (2, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    whole = np.concatenate([head, body])
    return np.pad(whole, ((0, 0), (0, GAP), (0, 0)), constant_values=255)
