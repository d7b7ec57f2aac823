"""Errors keep their message and attributes when they are pickled: the user reads what a worker process raised."""

from __future__ import annotations

import errno
import pickle
from pathlib import Path

import pytest

from foundation import errors as foundation
from foundation.errors import SettingsError
from graphdb import errors as graphdb
from ingest import errors as ingest
from trainer import errors as trainer

ERRORS = [
    SettingsError("The setting stride is 0; it must be at least 1."),
    ingest.UnreadableVideo(Path("a.mp4"), "it is empty"),
    ingest.UnknownExtractor("hug", ["hog"]),
    ingest.MissingPackage("timm", "timm:resnet18"),
    trainer.WeightsError("The weights a.pt cannot be read: it is empty."),
    trainer.LossNotFinite("loss", 3, 100, float("inf"), 2),
    ingest.DamagedFile("feature file", Path("a.npy"), "it is cut", "Delete it"),
    ingest.DamagedClusterModel(Path("a.npz"), "it is cut"),
    ingest.ExtractorChanged("trunk:a.safetensors", "it is cut"),
    ingest.WorkerDied([Path("a.mp4")]),
    foundation.CannotWrite(Path("a"), OSError(errno.ENOSPC, "full")),
    foundation.DiskNearlyFull(Path("neo4j"), 100),
    graphdb.DamagedArchive("cut"),
    graphdb.ShardGone(Path("000000.tar")),
    graphdb.GraphAccessDenied("bolt://host", "wrong password"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_pickled_error_keeps_message_and_attributes(error: Exception) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error) and str(back) == str(error)
    assert {name: str(value) for name, value in vars(back).items()} == {
        name: str(value) for name, value in vars(error).items()
    }
