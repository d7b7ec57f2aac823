"""Many videos are assigned to parents in one task, with the same result as one start at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ingest.clustering.cluster_model import fit_cluster_model, save_model
from ingest.clustering.kmeans import UNCLUSTERED, assign
from ingest.clustering.tasks import VIDEOS_PER_TASK, assign_tasks, assign_videos
from ingest.features.storage import write_features
from ingest.settings import ClusterSettings


def test_videos_assigned_together_get_the_parents_of_starts_assigned_alone(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = {f"{n:016x}": random.normal(size=(1 + n % 3, 8)).astype(np.float16) for n in range(VIDEOS_PER_TASK + 3)}
    rows[f"{1:016x}"][0] = 0
    for video, of_video in rows.items():
        write_features(tmp_path, "extractor", video, of_video.astype(np.float32))
    features = np.concatenate(list(rows.values())).astype(np.float32)
    ids = [str(row) for row in range(len(features))]
    model = fit_cluster_model(ids, features, "extractor", ClusterSettings(parents=4))
    save_model(tmp_path, model)

    tasks = list(assign_tasks(list(rows), model.id, tmp_path, tmp_path, "extractor"))
    assigned = {
        video: numbers for task in tasks for video, numbers in zip(task.names, assign_videos(task), strict=True)
    }

    assert len(tasks) == 2
    assert assigned == {
        video: [int(assign(row[None].astype(np.float32), model.centroids)[0]) for row in of_video]
        for video, of_video in rows.items()
    }
    assert assigned[f"{1:016x}"][0] == UNCLUSTERED
