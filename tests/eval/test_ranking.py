import random

import ir_measures
import numpy as np
import pytest
from ir_measures import RR, R, nDCG

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


def test_figures_equal_those_of_ir_measures() -> None:
    draw = random.Random(3)
    for _ in range(200):
        hits = draw.randint(1, 25)
        found = draw.sample(range(1, hits + 1), draw.randint(0, min(6, hits)))
        missed = draw.randint(not found, 3)
        ranks = draw.sample([*found, *[None] * missed], len(found) + missed)
        judged = {str(rank): 1 for rank in found} | {f"missed {number}": 1 for number in range(missed)}
        run = {str(rank): float(hits - rank) for rank in range(1, hits + 1)}
        theirs = ir_measures.calc_aggregate(
            [R @ 1, R @ 5, R @ 10, RR @ 5, nDCG @ 10], {"question": judged}, {"question": run}
        )
        ours = {R @ k: recall(ranks, k) for k in (1, 5, 10)}
        assert ours | {RR @ 5: reciprocal_rank(ranks, 5), nDCG @ 10: ndcg(ranks, 10)} == pytest.approx(theirs)


def test_evidence_that_no_hit_holds_counts_against_ndcg() -> None:
    assert ndcg([1, None], 10) == pytest.approx(1 / (1 + 1 / np.log2(3)))
    assert ndcg([None], 10) == 0.0
    assert ndcg([], 10) is None


def test_two_quotes_in_one_hit_are_one_relevant_hit() -> None:
    assert ndcg([1, 1], 10) == 1.0
