"""Triplets over HTTP: each pair is a path in the graph, each negative is of another group, each epoch is whole, and the
same request gives the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pytest
import urllib3
from scipy import stats

from api.client.http import TripletClient
from api.wire.arrow import MEDIA_TYPE
from api.wire.triplets import TripletBatch, decode_triplets, encode_triplets
from tests.conftest import Graph, free_port

PAPER = "transitive:7,intra:2"
ALL_KINDS = "transitive:5,intra:2,inter:2"
ARROW = {"Accept": MEDIA_TYPE}


@dataclass(frozen=True)
class Truth:
    """A snapshot as plain Cypher reads it."""

    id: str
    inter: set[tuple[str, str]]
    end_of: dict[str, str]
    group: dict[str, str]

    @property
    def pairs(self) -> dict[str, set[tuple[str, str]]]:
        """All pairs of each kind."""
        end_of, inter = self.end_of, self.inter
        transitive = {pair for a, b in inter for pair in ((a, end_of[b]), (end_of[a], b), (end_of[a], end_of[b]))}
        return {"inter": inter, "intra": set(end_of.items()), "transitive": transitive}


def match_relationships(kind: str) -> str:
    """Return Cypher that matches the relationships `r` in the segments of a snapshot."""
    return (
        f"MATCH (s:Snapshot {{id: $id}})-[:USES]->(g:Segment {{kind: '{kind.lower()}'}}) "
        f"MATCH (a)-[r:{kind}]->(b) WHERE g.first <= r.key < g.first + g.count "
    )


@pytest.fixture(scope="module")
def truth(world: Graph) -> Truth:
    snapshot = world.store.snapshot("latest")
    inter = world.cypher(match_relationships("INTER") + "RETURN a.id AS a, b.id AS b", id=snapshot.id)
    tracks = world.cypher(
        match_relationships("INTRA") + "OPTIONAL MATCH (a)-[:IN]->(p:Parent {fit: s.fit}) MATCH (a)-[:FROM]->(v:Video) "
        "RETURN a.id AS a, b.id AS b, coalesce(p.id, v.id) AS group",
        id=snapshot.id,
    )
    group = {row[name]: row["group"] for row in tracks for name in ("a", "b")}
    end_of = {row["a"]: row["b"] for row in tracks}
    return Truth(snapshot.id, {(row["a"], row["b"]) for row in inter}, end_of, group)


def pull(client: TripletClient, truth: Truth, position: int, count: int, **query: Any) -> TripletBatch:
    parameters: dict[str, Any] = {"seed": 11, "mix": PAPER, "negatives": "batch"} | query
    return client.triplets(truth.id, position=position, count=count, **parameters)


def pairs_of(batch: TripletBatch) -> Iterator[tuple[str, tuple[str, str]]]:
    return zip(batch.kind, zip(batch.anchor_id, batch.positive_id, strict=True), strict=True)


@pytest.mark.parametrize("negatives", ["batch", "graph"])
def test_batches_hold_paths_of_the_graph_and_negatives_of_other_groups(
    client: TripletClient, truth: Truth, negatives: str
) -> None:
    pairs = truth.pairs
    for number in range(100):
        batch = pull(client, truth, number * 50, 50, mix=ALL_KINDS, negatives=negatives)
        for kind, pair in pairs_of(batch):
            assert pair in pairs[kind]
        ids = [*batch.anchor_id, *batch.positive_id, *batch.negative_id]
        groups = [*batch.anchor_group, *batch.positive_group, *batch.negative_group]
        assert groups == [truth.group[id] for id in ids]
        for anchor, negative in zip(batch.anchor_group, batch.negative_group, strict=True):
            assert anchor != negative


@pytest.mark.parametrize(("negatives", "has_own"), [("batch", False), ("graph", True)])
def test_the_index_of_a_negative_gives_its_image(
    client: TripletClient, truth: Truth, negatives: str, has_own: bool
) -> None:
    batch = pull(client, truth, 5, 40, negatives=negatives)
    assert len(batch.images) == (120 if has_own else 80)
    ids = [*batch.anchor_id, *batch.positive_id, *(batch.negative_id if has_own else [])]
    assert [ids[i] for i in batch.negative_idx] == list(batch.negative_id)


def test_an_anchor_without_another_group_in_its_batch_gets_a_negative_from_the_graph(
    client: TripletClient, truth: Truth
) -> None:
    for position in range(30):
        alone = pull(client, truth, position, 1)
        from_graph = pull(client, truth, position, 1, negatives="graph")
        assert alone.negative_idx.tolist() == [2]
        assert alone.negative_id == from_graph.negative_id


def test_an_epoch_holds_every_transitive_pair_once_for_any_readers(client: TripletClient, truth: Truth) -> None:
    """Rank r of W reads at step s from start + (s·W + r)·B on. A changed W goes on at the first unread position."""
    pairs = truth.pairs["transitive"]
    seen: list[tuple[str, str]] = []
    start, size = 0, 37
    for step in range(10**6):
        world = (1, 2, 3, 8)[step % 4]
        for rank in reversed(range(world)):
            batch = pull(client, truth, start + rank * size, size)
            first_epoch = zip(pairs_of(batch), batch.epoch.tolist(), strict=True)
            seen += [pair for (kind, pair), epoch in first_epoch if kind == "transitive" and epoch == 0]
        start += world * size
        if start > len(pairs) * 9 / 7 + 9:
            break
    assert len(seen) == len(pairs)
    assert set(seen) == pairs


def test_the_pairs_of_the_other_kind_come_equally_often(client: TripletClient, truth: Truth) -> None:
    counts = dict.fromkeys(truth.pairs["intra"], 0)
    for position in range(0, 2000, 500):
        for kind, pair in pairs_of(pull(client, truth, position, 500, mix="inter:1,intra:3")):
            if kind == "intra":
                counts[pair] += 1
        assert max(counts.values()) - min(counts.values()) <= 1


def test_the_images_are_those_of_the_patches(world: Graph, service: str, client: TripletClient, truth: Truth) -> None:
    batch = pull(client, truth, 0, 20)
    http = urllib3.PoolManager()
    for id, jpeg in zip([*batch.anchor_id, *batch.positive_id], batch.images, strict=True):
        assert http.request("GET", f"{service}/v1/patches/{id}/image").data == jpeg
        pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert pixels is not None and pixels.shape == (96, 96, 3)


def test_json_has_the_same_triplets_as_arrow_and_their_paths(service: str, client: TripletClient, truth: Truth) -> None:
    batch = pull(client, truth, 90, 30, mix=ALL_KINDS, negatives="graph")
    http = urllib3.PoolManager()
    url = f"{service}/v1/snapshots/{truth.id}/triplets"
    fields: dict[str, Any] = {"seed": 11, "mix": ALL_KINDS, "negatives": "graph", "position": 90, "count": 30}
    response = http.request("GET", url, fields=fields)
    answer = response.json()
    assert (answer["snapshot"], answer["query"]) == (truth.id, fields)
    for i, triplet in enumerate(answer["triplets"]):
        for part in ("anchor", "positive", "negative"):
            assert triplet[part]["id"] == getattr(batch, f"{part}_id")[i]
            assert triplet[part]["group"] == getattr(batch, f"{part}_group")[i]
        assert (triplet["position"], triplet["epoch"], triplet["kind"]) == (90 + i, batch.epoch[i], batch.kind[i])
        at = triplet["anchor"]["id"]
        for step in triplet["path"]:
            if step["type"] == "INTER":
                assert {(at, step["to"]), (step["to"], at)} & truth.inter
                assert -1 <= step["similarity"] <= 1
            else:
                assert step["to"] == truth.end_of.get(at) or at == truth.end_of.get(step["to"])
            at = step["to"]
        assert at == triplet["positive"]["id"]


QUERIES = [
    f"seed=3&mix={PAPER}&negatives=batch&position=0&count=100",
    f"seed=3&mix={PAPER}&negatives=graph&position=950&count=100",
    f"seed=9223372036854775807&mix={ALL_KINDS}&negatives=batch&position=1000000000&count=7",
    "seed=0&mix=intra:1&negatives=graph&position=4611686018427386903&count=1",
    "seed=0&mix=inter:1&negatives=batch&position=12345&count=1000",
]


def test_another_service_without_a_cache_gives_the_same_bytes(world: Graph, service: str, truth: Truth) -> None:
    http = urllib3.PoolManager()

    def bodies(url: str) -> list[bytes]:
        address = f"{url}/v1/snapshots/{truth.id}/triplets"
        return [
            http.request("GET", f"{address}?{query}", headers=headers).data
            for query in QUERIES
            for headers in (ARROW, {})
        ]

    first = bodies(service)
    with world.service(free_port(), AFFINITY_CACHE_BYTES="0") as other:
        assert bodies(other) == first
        assert bodies(other) == first


def test_an_answer_carries_its_length_and_its_digest(service: str, truth: Truth) -> None:
    response = urllib3.request("GET", f"{service}/v1/snapshots/{truth.id}/triplets?count=3", headers=ARROW)
    assert response.headers["Content-Type"] == MEDIA_TYPE
    assert int(response.headers["Content-Length"]) == len(response.data)
    assert response.headers["ETag"] == f'"{decode_triplets(response.data).digest}"'


def test_a_body_is_little_larger_than_its_images(client: TripletClient, truth: Truth) -> None:
    batch = pull(client, truth, 0, 100)
    body, _ = encode_triplets(batch)
    assert len(body) <= 1.05 * sum(map(len, batch.images))


def test_negatives_from_the_graph_are_uniform_over_the_allowed_patches(client: TripletClient, truth: Truth) -> None:
    size = Counter(truth.group.values())
    drawn: Counter[str] = Counter()
    expected: Counter[str] = Counter()
    for position in range(0, 5 * 4096, 4096):
        batch = pull(client, truth, position, 4096, negatives="graph")
        drawn.update(batch.negative_id)
        for group, times in Counter(batch.anchor_group).items():
            share = times / (len(truth.group) - size[group])
            expected.update({id: share for id, of in truth.group.items() if of != group})
    ids = list(truth.group)
    assert min(expected.values()) > 5  # the chi-square test needs at least five
    assert stats.chisquare([drawn[id] for id in ids], [expected[id] for id in ids]).pvalue > 1e-3


def test_negatives_from_the_batch_are_uniform_over_the_allowed_images(client: TripletClient, truth: Truth) -> None:
    ranks: list[float] = []
    for position in range(0, 4000, 100):
        batch = pull(client, truth, position, 100)
        groups = np.array([*batch.anchor_group, *batch.positive_group])
        for group, negative in zip(batch.anchor_group, batch.negative_idx.tolist(), strict=True):
            if negative < len(groups):
                allowed = np.flatnonzero(groups != group)
                ranks.append((np.searchsorted(allowed, negative) + 0.5) / len(allowed))
    assert len(ranks) > 3000
    assert stats.chisquare(np.histogram(ranks, bins=20, range=(0, 1))[0]).pvalue > 1e-3


def test_the_order_of_an_epoch_is_a_uniform_shuffle_and_seeds_are_independent(
    client: TripletClient, truth: Truth
) -> None:
    """The position of a pair is independent of the pair, and of its position under another seed."""
    place = {pair: number for number, pair in enumerate(sorted(truth.pairs["transitive"]))}
    orders = []
    for seed in (1, 2):
        batches = [pull(client, truth, at, 4096, seed=seed, mix="transitive:1") for at in range(0, len(place), 4096)]
        orders.append([place[pair] for batch in batches for _, pair in pairs_of(batch)][: len(place)])
    assert all(sorted(order) == list(range(len(place))) for order in orders)
    for left, right in ((range(len(place)), orders[0]), (range(len(place)), orders[1]), orders):
        table = np.histogram2d(left, right, bins=8)[0]
        assert stats.chi2_contingency(table).pvalue > 1e-3
