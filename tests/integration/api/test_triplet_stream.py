"""Streams and datasets read every pair once: in any world, after a resume, and in DataLoader workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from torch.utils.data import DataLoader

from api.client import ServiceError, TripletBatch, TripletClient, TripletDataset, TripletStream


def pairs(batches: Iterator[TripletBatch] | list[TripletBatch], kind: str) -> Counter[tuple[str, str]]:
    """Count the pairs of a kind in the first epoch."""
    rows = (zip(batch.kind, batch.epoch, batch.anchor_id, batch.positive_id, strict=True) for batch in batches)
    return Counter((a, b) for of_batch in rows for one, epoch, a, b in of_batch if one == kind and epoch == 0)


def test_a_stream_gives_the_batches_of_the_client_in_order(client: TripletClient, snapshot: str) -> None:
    with TripletStream(client, snapshot, batch=30, seed=4, start=7) as stream:
        taken = list(islice(stream, 5))
    order = {"seed": 4, "mix": "transitive:7,intra:2", "negatives": "batch", "count": 30}
    direct = [client.triplets(snapshot, position=7 + 30 * step, **order) for step in range(5)]  # type: ignore[arg-type]
    assert [batch.digest for batch in taken] == [batch.digest for batch in direct]


def test_eight_then_three_then_five_readers_read_an_epoch_once(client: TripletClient, snapshot: str) -> None:
    total = client.snapshot(snapshot)["counts"]["intra"]
    batches: list[TripletBatch] = []
    state: dict[str, Any] | None = None
    for world, steps in ((8, 2), (3, 3), (5, None)):
        states = []
        for rank in range(world):
            with TripletStream(client, snapshot, mix="intra:1", batch=4, rank=rank, world=world, ahead=2) as stream:
                if state:
                    stream.load_state_dict(state)
                start = stream.schedule.start
                left = -(-(total - start) // (4 * world))
                batches += islice(stream, left if steps is None else steps)
                states.append(stream.state_dict())
        assert all(state == states[0] for state in states)
        state = states[0]
    found = pairs(batches, "intra")
    assert len(found) == total and set(found.values()) == {1}


def test_a_stream_resumes_from_its_state_and_refuses_the_state_of_another_order(
    client: TripletClient, snapshot: str
) -> None:
    with TripletStream(client, snapshot, batch=10) as whole, TripletStream(client, snapshot, batch=10) as first:
        expected = [batch.digest for batch in islice(whole, 6)]
        begun = [batch.digest for batch in islice(first, 2)]
        state = first.state_dict()
    with TripletStream(client, snapshot, batch=10) as second:
        second.load_state_dict(state)
        assert begun + [batch.digest for batch in islice(second, 4)] == expected
    with TripletStream(client, snapshot, batch=10, seed=1) as other, pytest.raises(ValueError, match="seed"):
        other.load_state_dict(state)


def test_the_stream_raises_the_errors_of_the_client(client: TripletClient) -> None:
    with TripletStream(client, "0123456789abcdef") as stream, pytest.raises(ServiceError) as caught:
        next(stream)
    assert caught.value.status == 404
    with pytest.raises(ValueError, match="latest"):
        TripletStream(client, "latest")


@pytest.mark.parametrize("workers", [0, 2])
def test_data_loader_workers_give_the_order_of_a_stream(
    service: str, client: TripletClient, snapshot: str, workers: int
) -> None:
    dataset = TripletDataset(service, snapshot, steps=5, batch=10, start=20, rank=1, world=2)
    context = "spawn" if workers else None
    loader = DataLoader(dataset, batch_size=None, num_workers=workers, multiprocessing_context=context)
    with TripletStream(client, snapshot, batch=10, start=20, rank=1, world=2) as stream:
        assert [batch.digest for batch in loader] == [batch.digest for batch in islice(stream, 5)]
    assert dataset.after(5) == 20 + 5 * 2 * 10
