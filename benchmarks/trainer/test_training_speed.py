"""How long a trainer waits for data from a live service on the same cores, with a real and a simulated step."""

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
"""Images per second of the simulated step. The last is an estimate for VGG16 on an H100."""
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
def test_share_of_time_waiting_with_a_simulated_step(world: Graph, service: str, what: str) -> None:
    """Measure JPEGs as they are delivered, and decoded at 96 pixels."""
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
    """Measure the share of the time spent waiting for batches, and the images per second that arrive."""
    positions: Any = count(0, PAIRS)
    batches, stop = Prefetch(load, positions, threads=LOADERS, ahead=2 * LOADERS), Event()
    try:
        for _ in range(2 * LOADERS):
            batches.take(stop)  # warm up threads, connections and caches
        begun, waited, images = time.perf_counter(), batches.waited, 0
        while (passed := time.perf_counter() - begun) < SECONDS:
            taken = batches.take(stop)
            assert taken is not None
            images += taken
            time.sleep(taken / rate)
        return (batches.waited - waited) / passed, images / passed
    finally:
        batches.close()
