from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t

from core.statistics import mean_interval, sign_flip_p_value, student_t
from eval.comparison import Comparison, compare, compare_arms, holm
from eval.metrics import Sample
from tests.eval.building import sample


def arm(right: list[bool], per_document: int = 1) -> list[Sample]:
    return [sample(f"q{n}", value, f"d{n // per_document}") for n, value in enumerate(right)]


def clustered(draw: np.random.Generator, documents: int, mean: float) -> tuple[np.ndarray, list[str]]:
    """One to six values a document, which share most of what moves them."""
    sizes = draw.integers(1, 7, documents)
    shared = np.repeat(draw.normal(0, 1, documents), sizes)
    values = mean + shared + draw.normal(0, 0.5, len(shared))
    return values, [f"d{n}" for n in np.repeat(np.arange(documents), sizes)]


@pytest.mark.parametrize("documents", [8, 40])
def test_the_interval_holds_the_true_mean_about_95_times_in_100(documents: int) -> None:
    draw = np.random.default_rng(1)
    held = 0
    for run in range(400):
        values, clusters = clustered(draw, documents, mean=0.3)
        interval = mean_interval(values, clusters, seed=run)
        assert interval.low is not None
        assert interval.high is not None
        held += interval.low <= 0.3 <= interval.high
    assert 0.915 <= held / 400 <= 0.985


def test_ignoring_the_documents_would_promise_too_much() -> None:
    draw = np.random.default_rng(2)
    held = 0
    for run in range(150):
        values, _ = clustered(draw, 20, mean=0.3)
        interval = mean_interval(values, [str(n) for n in range(len(values))], seed=run)
        assert interval.low is not None
        assert interval.high is not None
        held += interval.low <= 0.3 <= interval.high
    assert held / 150 < 0.85


def test_equal_arms_are_rarely_told_apart() -> None:
    draw = np.random.default_rng(3)
    found = 0
    for run in range(300):
        values, clusters = clustered(draw, 20, mean=0.0)
        found += sign_flip_p_value(values, clusters, seed=run) < 0.05
    assert found / 300 < 0.085


def test_a_difference_of_the_smallest_detectable_size_is_found_four_times_in_five() -> None:
    draw = np.random.default_rng(4)

    def measured(effect: float) -> Comparison:
        before, noise = draw.uniform(0.2, 0.6, 60), draw.normal(0, 0.2, 60)
        base = [replace(one, token_f1=value) for one, value in zip(arm([True] * 60), before, strict=True)]
        after = [
            replace(one, token_f1=value) for one, value in zip(base, before + effect + noise, strict=True)
        ]
        result = compare(base, after, "token_f1")
        assert result is not None
        return result

    detectable = np.mean([measured(0.0).smallest_detectable or 0.0 for _ in range(5)])
    found = sum(measured(float(detectable)).verdict == "better" for _ in range(200))
    assert 0.7 <= found / 200 <= 0.9


def test_a_broken_arm_loses() -> None:
    base = arm([n % 4 != 0 for n in range(60)], per_document=3)
    broken = arm([n % 4 == 1 for n in range(60)], per_document=3)
    result = compare(base, broken, "right")
    assert result is not None
    assert (result.verdict, result.wins, result.ties, result.losses) == ("worse", 0, 30, 30)
    assert (result.base_value, result.arm_value, result.difference) == (0.75, 0.25, -0.5)
    assert result.high is not None
    assert result.high < 0
    assert (result.n, result.clusters) == (60, 20)


def test_the_same_answers_are_no_difference_but_a_small_one_could_not_have_been_seen() -> None:
    base = arm([True] * 20 + [False] * 20)
    result = compare(base, base, "right")
    assert result is not None
    assert (result.difference, result.low, result.high, result.p_value) == (0.0, 0.0, 0.0, 1.0)
    assert result.verdict == "no clear difference"
    assert result.smallest_detectable == pytest.approx(6 / 40)


def test_four_questions_won_and_none_lost_may_still_be_chance() -> None:
    result = compare(arm([False] * 60), arm([True] * 4 + [False] * 56), "right")
    assert result is not None
    assert result.low is not None
    assert result.p_value > 0.05
    assert result.verdict == "no clear difference"


def test_many_questions_about_few_documents_are_not_enough() -> None:
    result = compare(arm([False] * 80, per_document=20), arm([True] * 80, per_document=20), "right")
    assert result is not None
    assert (result.clusters, result.low, result.verdict) == (4, None, "too few documents")


def test_a_metric_that_applies_to_no_question_is_not_compared() -> None:
    assert compare(arm([True] * 8), arm([True] * 8), "refused_right") is None
    assert {c.metric for c in compare_arms({"base": arm([True] * 8), "tuned": arm([True] * 8)})} == {
        "right",
        "correct",
        "answered",
    }


@pytest.mark.parametrize("other", [arm([True] * 7), arm([True] * 9)[1:]])
def test_samples_of_different_questions_are_not_paired(other: list[Sample]) -> None:
    with pytest.raises(ValueError, match="same questions"):
        compare(arm([True] * 8), other, "right")


def test_the_same_seed_gives_the_same_interval() -> None:
    values, clusters = clustered(np.random.default_rng(6), 20, 0.1)
    assert mean_interval(values, clusters) == mean_interval(values, clusters)


def test_more_arms_need_stronger_evidence() -> None:
    base = arm([False] * 40)
    barely = arm([True] * 7 + [False] * 33)
    one = compare_arms({"base": base, "a": barely})
    three = compare_arms({"base": base, "a": barely, "b": base, "c": barely})
    assert one[0].verdict == "better"
    assert three[0].p_value > one[0].p_value


def test_holm_corrects_step_by_step() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize("degrees", [4, 5, 8, 30, 200])
def test_the_quantile_of_student_is_close_to_scipy(degrees: int) -> None:
    assert student_t(0.975, degrees) == pytest.approx(t.ppf(0.975, degrees), rel=3e-3)
