"""Errors cross processes whole: what a worker raises is what its user reads."""

from __future__ import annotations

import errno
import pickle
from pathlib import Path

import pytest

from foundation import errors as foundation
from foundation.errors import SettingsError
from graphdb import errors as graphdb
from ingest import errors as ingest

ERRORS = [
    SettingsError("The setting stride is 0; it must be at least 1."),
    ingest.UnreadableVideo(Path("a.mp4"), "it is empty"),
    ingest.WrongOpenCV("4.14"),
    ingest.UnknownExtractor("hug", ["hog"]),
    ingest.OtherExtractor("trunk:resnet18"),
    ingest.MissingPackage("timm", "timm:resnet18"),
    ingest.UnreadableWeights(Path("a.pt"), "it is empty"),
    ingest.WrongWeights(Path("a.pt"), "resnet18", "missing: fc"),
    ingest.DamagedFeatures(Path("a.npy"), "it is cut"),
    ingest.DamagedViews(Path("a.npy"), "it is cut"),
    ingest.DamagedFit(Path("a.npz"), "it is cut"),
    ingest.NothingToCluster(3),
    ingest.WorkerDied([Path("a.mp4")]),
    ingest.NotShared("host", Path("data")),
    ingest.ClusterUnavailable("host:1", "it is down"),
    foundation.CannotWrite(Path("a"), OSError(errno.ENOSPC, "full")),
    foundation.DiskNearlyFull(Path("neo4j"), 100),
    graphdb.DamagedArchive("cut"),
    graphdb.ShardGone(Path("000000.tar")),
    graphdb.GraphAccessDenied("bolt://host", "wrong password"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_comes_back_as_it_was(error: Exception) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error) and str(back) == str(error)
    assert {name: str(value) for name, value in vars(back).items()} == {
        name: str(value) for name, value in vars(error).items()
    }
