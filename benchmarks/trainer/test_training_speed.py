"""How long a trainer waits for data, on a live service and the same cores: a real step, and one that only sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from threading import Event
from typing import Any

import pytest

from api.client.http import TripletClient
from api.client.prefetch import Prefetch
from tests.conftest import Graph
from trainer.data.triplets import TripletLoader
from trainer.settings import TrainSettings

PAIRS = 100
RATES = (1_000, 2_000, 3_000, 4_000, 6_000, 10_000)
"""Images a second that the stand-in takes; an H100 is reckoned at the last with VGG16."""
SECONDS = 8.0
LOADERS = 4


def test_share_of_time_waiting_for_data(world: Graph, service: str) -> None:
    print()
    for size in (64, 96):
        result = world.json(
            "train", "--url", service, "--run", f"bench-{size}", "--trunk", "resnet18", "--image-size", str(size),
            "--batch", "32", "--steps", "40", "--mix", "transitive:1",
        )  # fmt: skip
        print(
            f"Training, ResNet-18, {size} pixels, 32 pairs: {result['images_per_second']:.0f} images/s, "
            f"{result['waited_share']:.1%} of the time waiting for data"
        )


@pytest.mark.parametrize("what", ["bytes", "tensors"])
def test_share_of_time_that_a_step_that_sleeps_waits(world: Graph, service: str, what: str) -> None:
    """Delivering JPEGs as they are, and decoded at 96 pixels."""
    settings = TrainSettings(snapshot=world.store.snapshot("latest").id, batch=PAIRS)
    with TripletClient(service) as client:
        loader = TripletLoader(client, settings)

        def load(position: int) -> int:
            return len(loader.fetch(position).images) if what == "bytes" else loader(position).images

        print()
        for rate in RATES:
            share, reached = waiting(load, rate)
            print(f"  {what}, a step of {rate:,} images/s: waits {share:.1%} of the time, {reached:,.0f} images/s come")


def waiting(load: Callable[[int], int], rate: float) -> tuple[float, float]:
    """The share of the time that is spent waiting for batches, and the images a second that come."""
    positions: Any = count(0, PAIRS)
    batches, stop = Prefetch(load, positions, threads=LOADERS, ahead=2 * LOADERS), Event()
    try:
        for _ in range(2 * LOADERS):
            batches.take(stop)  # until threads, connections and windows are warm
        begun, waited, images = time.perf_counter(), batches.waited, 0
        while (passed := time.perf_counter() - begun) < SECONDS:
            taken = batches.take(stop)
            assert taken is not None
            images += taken
            time.sleep(taken / rate)
        return (batches.waited - waited) / passed, images / passed
    finally:
        batches.close()
