"""Negatives from the batch and from the queue of earlier steps."""

from __future__ import annotations

import torch

from tests.unit.trainer.toy_service import ToyService
from trainer.data.targets import connected_components, stable_hash
from trainer.data.triplets import TripletLoader
from trainer.models.memory_queue import MemoryQueue
from trainer.objectives.negative_mining import Triplets, candidate_negatives, mine_negatives, service_negatives
from trainer.settings import TrainSettings

# Two pairs, 0 and 2 of group 7, 1 and 3 of group 8, and image 4 of group 9.
TRIPLETS = Triplets(torch.tensor([0, 1]), torch.tensor([2, 3]), torch.tensor([4, 0]))
GROUPS_M = torch.tensor([7, 8, 7, 8, 9])
DIST_TM = torch.tensor([[0.0, 0.6, 0.1, 0.4, 0.9], [0.6, 0.0, 0.2, 0.1, 0.5]])


def test_candidates_are_of_neither_group_of_the_pair() -> None:
    assert candidate_negatives(TRIPLETS, GROUPS_M).tolist() == [
        [False, True, False, True, True],
        [True, False, True, False, True],
    ]


def test_the_negative_of_the_service_is_always_a_candidate() -> None:
    assert candidate_negatives(TRIPLETS, torch.full((5,), 7)).nonzero().tolist() == [[0, 4], [1, 0]]


def test_service_negatives_are_those_of_the_batch() -> None:
    assert service_negatives(TRIPLETS).idx_TK.tolist() == [[4], [0]]


def mined(how: str, count: int, position: int = 0) -> list[list[int]]:
    negatives = mine_negatives(DIST_TM, candidate_negatives(TRIPLETS, GROUPS_M), how, count, (0, position))
    assert negatives.valid_TK.all()
    return negatives.idx_TK.tolist()


def test_hard_negatives_are_the_nearest_to_the_anchor() -> None:
    assert mined("hard", 1) == [[3], [2]]
    assert mined("hard", 2) == [[3, 1], [2, 4]]


def test_random_negatives_depend_on_seed_and_position() -> None:
    assert mined("random", 2, 5) == mined("random", 2, 5)
    drawn = [mined("random", 2, position) for position in range(50)]
    assert {tuple(sorted(first)) for first, _ in drawn} == {(1, 3), (1, 4), (3, 4)}
    assert all(set(second) <= {0, 2, 4} and len(set(second)) == 2 for _, second in drawn)


def test_half_of_the_negatives_are_hard_and_none_is_repeated() -> None:
    for position in range(20):
        first, second = mined("half", 2, position)
        assert (first[0], second[0]) == (3, 2)
        assert first[1] in (1, 4) and second[1] in (0, 4)


def test_a_pair_with_too_few_candidates_takes_all_of_them() -> None:
    allowed_TM = torch.tensor([[False, True, False, False, True], [True, False, False, False, False]])
    for how in ("random", "hard", "half"):
        negatives = mine_negatives(DIST_TM, allowed_TM, how, 3, (0, 0))
        taken = [row[valid].tolist() for row, valid in zip(negatives.idx_TK, negatives.valid_TK, strict=True)]
        assert [sorted(row) for row in taken] == [[1, 4], [0]]
    assert mine_negatives(DIST_TM, allowed_TM, "hard", 99, (0, 0)).idx_TK.shape == (2, 5)


def test_images_joined_by_a_path_of_pairs_are_one_component() -> None:
    patches, anchors, positives = ["a", "b", "c", "b", "d", "e", "f"], ["a", "b", "c"], ["b", "d", "e"]
    assert connected_components(patches, anchors, positives) == [0, 0, 1, 0, 0, 1, 2]


def test_stable_hash_is_the_same_in_every_process() -> None:
    assert stable_hash("a") == 3405396810240292928
    assert stable_hash("a") != stable_hash("b")


def test_targets_have_the_group_of_every_image() -> None:
    wire = ToyService().triplets("toy", seed=0, mix="intra:1", negatives="batch", position=0, count=3)
    targets = TripletLoader(ToyService(), TrainSettings(snapshot="toy", batch=3, image_size=32))(0).targets
    expected = [*wire.anchor_group, *wire.positive_group, *wire.negative_group]
    assert targets["group_N"].tolist() == [stable_hash(group) for group in expected]


def test_the_queue_replaces_the_oldest_first() -> None:
    queue = MemoryQueue(3, 2)
    queue.push(torch.tensor([[2.0, 0.0], [0.0, 3.0]]), torch.tensor([1, 2]))
    assert queue.filled_Q.tolist() == [True, True, False]
    queue.push(torch.tensor([[0.0, -1.0], [-1.0, 0.0]]), torch.tensor([3, 4]))
    assert queue.groups_Q.tolist() == [4, 2, 3] and queue.filled_Q.all()
    assert queue.embeddings_QD.tolist() == [[-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]


def test_the_queue_keeps_the_last_of_a_batch_longer_than_itself() -> None:
    queue = MemoryQueue(2, 1)
    queue.push(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([1, 2, 3]))
    assert sorted(queue.groups_Q.tolist()) == [2, 3]


def test_embeddings_in_the_queue_have_no_gradient() -> None:
    queue = MemoryQueue(2, 1)
    queue.push(torch.ones(2, 1, requires_grad=True), torch.tensor([1, 2]))
    assert not queue.embeddings_QD.requires_grad
