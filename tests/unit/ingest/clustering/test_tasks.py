"""Placing starts in parents by blocks of videos: the same as one video at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ingest.clustering.cluster_model import make_fit, save_fit
from ingest.clustering.kmeans import UNCLUSTERED, assign
from ingest.clustering.tasks import BLOCK, place, place_tasks
from ingest.features.storage import write_features
from ingest.settings import ClusterSettings


def test_blocks_of_videos_get_the_parents_that_each_start_gets_alone(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = {f"{n:016x}": random.normal(size=(1 + n % 3, 8)).astype(np.float16) for n in range(BLOCK + 3)}
    rows[f"{1:016x}"][0] = 0
    for video, of_video in rows.items():
        write_features(tmp_path, "extractor", video, of_video.astype(np.float32))
    features = np.concatenate(list(rows.values())).astype(np.float32)
    fit = make_fit([str(row) for row in range(len(features))], features, "extractor", ClusterSettings(parents=4))
    save_fit(tmp_path, fit)

    tasks = list(place_tasks(list(rows), fit.id, tmp_path, tmp_path, "extractor"))
    placed = {video: numbers for task in tasks for video, numbers in zip(task.names, place(task), strict=True)}

    assert len(tasks) == 2
    assert placed == {
        video: [int(assign(row[None].astype(np.float32), fit.centroids)[0]) for row in of_video]
        for video, of_video in rows.items()
    }
    assert placed[f"{1:016x}"][0] == UNCLUSTERED
