"""The public names of `api.client`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import api.client
from api.client import ClientError
from api.client.dataset import TripletDataset
from tests.hiding import without

PUBLIC = {
    *("AddressError", "ClientError", "FrameBatch", "ServiceError", "ServiceUnavailable", "TripletBatch"),
    *("TripletClient", "TripletStream", "WireError", "WireVersionError"),
}


def test_the_public_names_are_exported() -> None:
    assert set(api.client.__all__) == PUBLIC
    assert all(isinstance(getattr(api.client, name), type) for name in PUBLIC)
    assert api.client.TripletDataset is TripletDataset
    with pytest.raises(AttributeError, match="no attribute 'Triplets'"):
        _ = api.client.Triplets


def test_all_errors_of_the_client_share_one_root() -> None:
    errors = [getattr(api.client, name) for name in PUBLIC if name.endswith(("Error", "Unavailable"))]
    assert len(errors) == 6
    assert all(issubclass(error, ClientError) for error in errors)


def test_the_client_works_without_torch(tmp_path: Path) -> None:
    code = (
        "from api.client import *\n"
        "try:\n"
        "    from api.client import TripletDataset\n"
        "except ModuleNotFoundError as error:\n"
        "    print(error.name, TripletClient.__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=without(["torch"], tmp_path), capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["torch", "TripletClient"]
