"""Fixtures of the tests over a running service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from api.client import TripletClient
from tests.conftest import Graph


@pytest.fixture
def client(service: str) -> Iterator[TripletClient]:
    with TripletClient(service, patience=60) as client:
        yield client


@pytest.fixture
def snapshot(world: Graph) -> str:
    """The id of the newest snapshot of the shared graph."""
    return world.store.snapshot("latest").id
