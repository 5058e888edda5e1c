from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, precision_recall_fscore_support

from eval.metrics import Sample
from eval.refusals import BINS, by_class, calibration, risk_coverage
from tests.eval.building import sample

KINDS = ("answerable", "unanswerable", "offtopic")
TYPES = ("answer", "no_answer", "off_topic")


def asked(kind: str, got: str, confidence: float | None = None, right: bool = True) -> Sample:
    return replace(sample("q", right), kind=kind, answer_type=got, confidence=confidence)


def test_precision_and_recall_of_each_class_equal_the_reference_implementation() -> None:
    draw = np.random.default_rng(4)
    kinds, got = draw.integers(0, 3, 200), draw.integers(0, 3, 200)
    samples = [asked(KINDS[one], TYPES[other]) for one, other in zip(kinds, got, strict=True)]
    precision, recall, f1, support = precision_recall_fscore_support(kinds, got, labels=[0, 1, 2])
    for place, row in enumerate(by_class(samples).values()):
        assert row["precision"] == pytest.approx(precision[place], abs=1e-4)
        assert row["recall"] == pytest.approx(recall[place], abs=1e-4)
        assert row["f1"] == pytest.approx(f1[place], abs=1e-4)
        assert row["n"] == support[place]


def test_a_blocked_attempt_counts_as_off_topic_and_a_class_without_questions_is_left_out() -> None:
    scores = by_class([asked("injection", "blocked"), asked("answerable", "answer")])
    assert scores["off_topic"] == {"n": 1, "got": 1, "precision": 1.0, "recall": 1.0, "f1": 1.0}
    assert list(scores) == ["answer", "off_topic"]


def test_an_error_is_of_no_class() -> None:
    assert by_class([asked("answerable", "error")])["answer"]["recall"] == 0.0


def test_risk_rises_with_coverage_where_confidence_tells_right_from_wrong() -> None:
    samples = [asked("answerable", "answer", 1 - n / 10, right=n < 3) for n in range(4)]
    samples.append(asked("answerable", "no_answer", 0.1, right=False))
    curve = risk_coverage(samples)
    assert curve is not None
    assert [point["risk"] for point in curve["points"]] == [0.0, 0.0, 0.0, 0.25]
    assert [point["coverage"] for point in curve["points"]] == [0.2, 0.4, 0.6, 0.8]
    assert curve["aurc"] == pytest.approx(0.25 / 4)
    turned = risk_coverage([replace(s, confidence=1 - (s.confidence or 0)) for s in samples])
    assert turned is not None
    assert turned["aurc"] > curve["aurc"]


def test_without_answers_there_is_no_curve_and_without_confidence_no_calibration() -> None:
    assert risk_coverage([asked("answerable", "no_answer", 0.2)]) is None
    assert calibration([asked("answerable", "answer")]) is None


def test_calibration_is_perfect_where_the_share_covered_is_what_was_said() -> None:
    samples = [asked("answerable" if n < 3 else "unanswerable", "answer", 0.75) for n in range(4)]
    found = calibration(samples)
    assert found is not None
    assert found["ece"] == 0.0
    assert found["bins"] == [{"from": 0.7, "to": 0.8, "n": 4, "confidence": 0.75, "share": 0.75}]


def test_the_errors_of_calibration_equal_their_definitions() -> None:
    draw = np.random.default_rng(5)
    confidence, covered = draw.uniform(0, 1, 300), draw.integers(0, 2, 300)
    samples = [
        asked("answerable" if one else "offtopic", "answer", float(value))
        for one, value in zip(covered, confidence, strict=True)
    ]
    found = calibration(samples)
    assert found is not None
    assert found["brier"] == pytest.approx(brier_score_loss(covered, confidence), abs=1e-4)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [
        (bins == place).mean() * abs(covered[bins == place].mean() - confidence[bins == place].mean())
        for place in range(BINS)
    ]
    assert found["ece"] == pytest.approx(sum(gaps), abs=1e-4)
