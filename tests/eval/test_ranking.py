import random

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from eval.ranking import found_at, ndcg, recall, reciprocal_rank


def test_a_quote_is_found_at_the_first_hit_that_holds_it() -> None:
    assert found_at(["one", "two three", "two"], ["two", "three", "four"]) == [2, 2, None]


@pytest.mark.parametrize(
    ("ranks", "k", "expected"),
    [([1], 1, 1.0), ([2], 1, 0.0), ([1, 4], 3, 0.5), ([1, None], 10, 0.5), ([], 5, None)],
)
def test_recall_is_the_share_of_the_quotes_in_the_first_k(
    ranks: list, k: int, expected: float | None
) -> None:
    assert recall(ranks, k) == expected


@pytest.mark.parametrize(
    ("ranks", "expected"), [([3, 2], 0.5), ([None, 4], 0.25), ([None], 0.0), ([6], 0.0), ([], None)]
)
def test_the_reciprocal_rank_is_that_of_the_first_quote(ranks: list, expected: float | None) -> None:
    assert reciprocal_rank(ranks, 5) == expected


def test_ndcg_equals_the_reference_implementation() -> None:
    draw = random.Random(3)
    for _ in range(200):
        hits = draw.randint(2, 25)
        relevant = draw.sample(range(1, hits + 1), draw.randint(1, min(6, hits)))
        truth = np.array([[float(rank in relevant) for rank in range(1, hits + 1)]])
        order = np.array([[float(hits - rank) for rank in range(hits)]])
        assert ndcg(relevant, 10) == pytest.approx(ndcg_score(truth, order, k=10))


def test_evidence_that_no_hit_holds_counts_against_ndcg() -> None:
    assert ndcg([1, None], 10) == pytest.approx(1 / (1 + 1 / np.log2(3)))
    assert ndcg([None], 10) == 0.0
    assert ndcg([], 10) is None


def test_two_quotes_in_one_hit_are_one_relevant_hit() -> None:
    assert ndcg([1, 1], 10) == 1.0
