from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from eval.metrics import Sample
from eval.tournament import MEAN_ELO, elo, standings, win_rates
from tests.eval.building import sample


def arm(right: np.ndarray, per_document: int = 1) -> list[Sample]:
    return [sample(f"q{n}", bool(value), f"d{n // per_document}") for n, value in enumerate(right)]


def test_strengths_equal_a_logistic_regression_on_the_same_games() -> None:
    draw = np.random.default_rng(1)
    wins = draw.integers(20, 90, (4, 4)).astype(float)
    rows, results, weights = [], [], []
    for one, other in combinations(range(4), 2):
        for winner, loser in ((one, other), (other, one)):
            row = np.zeros(4)
            row[one], row[other] = 1, -1
            rows.append(row)
            results.append(winner == one)
            weights.append(wins[winner, loser] + 0.5)
    model = LogisticRegression(C=1e9, fit_intercept=False, tol=1e-10, max_iter=2000)
    model.fit(np.array(rows), results, sample_weight=weights)
    expected = model.coef_[0] - model.coef_[0].mean()
    found = (elo(wins[None])[0] - MEAN_ELO) * np.log(10) / 400
    assert found == pytest.approx(expected, abs=1e-3)


def test_the_best_arm_stands_first_and_a_broken_one_last() -> None:
    draw = np.random.default_rng(2)
    good = draw.random(120) < 0.8
    middle = good & (draw.random(120) < 0.8)
    table = standings({"middle": arm(middle), "best": arm(good), "broken": arm(good & False)})
    assert [row.arm for row in table] == ["best", "middle", "broken"]
    best, _, broken = table
    assert best.elo_low is not None
    assert broken.elo_high is not None
    assert broken.elo_high < MEAN_ELO < best.elo_low
    assert broken.win_rate < 0.5 < best.win_rate
    assert np.mean([row.elo for row in table]) == pytest.approx(MEAN_ELO, abs=0.1)


def test_equal_arms_tie() -> None:
    same = arm(np.array([True, False] * 10))
    table = standings({"a": same, "b": same})
    assert [(row.win_rate, row.elo) for row in table] == [(0.5, MEAN_ELO)] * 2


def test_the_win_rate_counts_ties_as_half() -> None:
    wins = np.array([[[5.0, 3.0], [1.0, 5.0]]])
    assert win_rates(wins)[0].tolist() == [0.75, 0.25]


def test_the_interval_of_a_win_rate_holds_the_truth_about_95_times_in_100() -> None:
    draw = np.random.default_rng(3)
    held = 0
    for run in range(120):
        fate = np.repeat(draw.random(40) < 0.5, 3)  # documents that are hard for both
        one, other = (fate & (draw.random(120) < share) for share in (0.9, 0.6))
        table = {row.arm: row for row in standings({"a": arm(one, 3), "b": arm(other, 3)}, seed=run)}
        low, high = table["a"].win_rate_low, table["a"].win_rate_high
        assert low is not None
        assert high is not None
        held += low <= 0.5 + 0.5 * 0.5 * (0.9 - 0.6) <= high
    assert 0.89 <= held / 120 <= 1.0


def test_one_arm_alone_or_questions_that_nobody_can_judge_give_no_standing() -> None:
    assert standings({"a": arm(np.ones(9))}) == []
    unjudged = [replace(one, right=None) for one in arm(np.ones(9))]
    assert standings({"a": unjudged, "b": arm(np.ones(9))}) == []


def test_with_few_documents_there_are_no_limits() -> None:
    few = standings({"a": arm(np.ones(9), 3), "b": arm(np.zeros(9), 3)})
    assert [row.elo_low for row in few] == [None, None]
