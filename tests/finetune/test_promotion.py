from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from core.types import Answer, AnswerType, Citation, Evidence
from finetune.promotion import (
    Difference,
    Outcome,
    ask_all,
    ask_both,
    decide,
    difference,
    kept,
    outcome_of,
    summary,
)
from tests.finetune.building import SmallInhouse, handbook, pair, small_inhouse

ROW = "| Breakfast | €12 | before 07:00 |"


def outcomes(rights: Sequence[int], kind: str = "answerable", answered: bool = True) -> list[Outcome]:
    """Ten questions a document."""
    return [Outcome(kind, f"doc{number // 10}", answered, bool(right)) for number, right in enumerate(rights)]


def answer(kind: AnswerType = "answer", quote: str = "") -> Answer:
    return Answer("text", kind, (Citation(1, "travel.md", "Travel", "", quote, 0.9),) if quote else ())


class Nothing:
    """Finds that nothing answers."""

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        return [-9.0] * len(texts)


@pytest.fixture(scope="module")
def inhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallInhouse]:
    with small_inhouse(tmp_path_factory.mktemp("data"), handbook()) as wired:
        yield wired


@pytest.mark.parametrize(
    ("kind", "given", "right"),
    [
        ("answerable", answer(quote="Everyone gets **27 days**."), True),
        ("answerable", answer(quote="- Everyone gets 27 days. Unused ones lapse."), True),
        ("answerable", answer(quote="Everyone gets 28 days."), False),
        ("answerable", answer("no_answer"), False),
        ("unanswerable", answer("no_answer"), True),
        ("unanswerable", answer("off_topic"), True),
        ("unanswerable", answer(quote="Everyone gets 27 days."), False),
        ("offtopic", answer("off_topic"), True),
        ("offtopic", answer("no_answer"), False),
        ("injection", answer("blocked"), True),
    ],
)
def test_what_counts_as_right(kind: str, given: Answer, right: bool) -> None:
    asked = pair("q", kind=kind, evidence=(Evidence("leave.md", "Everyone gets 27 days."),))
    assert outcome_of(asked, given).right is right


def test_the_summary_keeps_answers_and_refusals_apart() -> None:
    given = [*outcomes([1, 1, 1, 0]), *outcomes([0], answered=False), *outcomes([1, 0], "offtopic")]
    assert summary(given) == {
        "questions": 7,
        "right": 0.5714,
        "evidence_cited": 0.6,
        "over_refusal": 0.2,
        "offtopic_refused": 0.5,
    }


def test_the_difference_is_paired_clustered_and_seeded() -> None:
    base, tuned = outcomes([0] * 20 + [1] * 80), outcomes([1] * 100)
    gain = difference(base, tuned, seed=1)
    assert gain == difference(base, tuned, seed=1)
    assert gain.mean == 0.2
    assert gain.low == 0.0  # all of it in two documents of ten: draws without them are not rare
    scattered = difference(outcomes([0, 0, 1, 1, 1, 1, 1, 1, 1, 1] * 10), tuned, seed=1)
    assert (scattered.mean, scattered.low, scattered.high) == (0.2, 0.2, 0.2)


@pytest.mark.parametrize("documents", [1, 2, 5, 6, 12])
def test_equal_arms_are_hardly_ever_told_apart(documents: int) -> None:
    draw = np.random.default_rng(3)
    promoted = 0
    for run in range(300):
        hard = draw.random((2, documents)) < 0.4  # a document's questions go wrong together
        base, tuned = (
            outcomes([int(draw.random() < (0.3 if wrong else 0.8)) for wrong in side for _ in range(10)])
            for side in hard
        )
        promoted += decide(summary(base), summary(tuned), difference(base, tuned, seed=run))[0]
    assert promoted <= 300 * 0.025 + 2 * (300 * 0.025) ** 0.5  # one side of 95%, and two standard errors


def test_arms_that_answered_different_numbers_of_questions_are_refused() -> None:
    with pytest.raises(ValueError, match="argument 2"):
        difference(outcomes([1, 1]), outcomes([1]), seed=1)


CLEAR = Difference(0.1, 0.02, 0.18, 0.01)
BASE = {"questions": 100.0, "right": 0.6, "over_refusal": 0.05}


@pytest.mark.parametrize(
    ("tuned", "gain", "promoted", "said"),
    [
        (
            {"right": 0.7, "over_refusal": 0.05},
            CLEAR,
            True,
            "Promoted: 70.0% of 100",
        ),
        ({"right": 0.7, "over_refusal": 0.03}, CLEAR, True, "Promoted"),
        (
            {"right": 0.7, "over_refusal": 0.0667},
            CLEAR,
            False,
            "declines 1.7% more",
        ),
        (
            {"right": 0.7, "over_refusal": 0.0833},
            CLEAR,
            False,
            "declines 3.3% more",
        ),
        ({"right": 0.61, "over_refusal": 0.05}, Difference(0.01, 0.0, 0.03, 0.3), False, "may be chance"),
        ({"right": 0.6, "over_refusal": 0.05}, Difference(0.0, 0.0, 0.0, 0.3), False, "not better"),
        ({"right": 0.5, "over_refusal": 0.05}, Difference(-0.1, -0.2, 0.0, 0.3), False, "not better"),
        ({"right": 0.65, "over_refusal": 0.05}, Difference(0.05, -0.02, 0.12, 0.3), False, "may be chance"),
        ({"right": 0.7, "over_refusal": 0.1}, CLEAR, False, "declines 5.0% more"),
        ({"right": 0.7, "over_refusal": 0.05}, Difference(0.1, 0.02, 0.18, 0.06), False, "may be chance"),
        (
            {"right": 0.7, "over_refusal": 0.05},
            Difference(0.1, None, None, 0.01),
            False,
            "index more documents",
        ),
    ],
)
def test_only_a_better_adapter_that_declines_no_more_is_promoted(
    tuned: dict[str, float], gain: Difference, promoted: bool, said: str
) -> None:
    decision, reason = decide(BASE, {"questions": 100.0, **tuned}, gain)
    assert decision is promoted
    assert said in reason
    assert reason.endswith(".")


@pytest.mark.parametrize(
    ("tuned", "nothing_lost", "said"),
    [
        ({"right": 0.6, "over_refusal": 0.05}, True, ""),
        ({"right": 0.575, "over_refusal": 0.05}, True, ""),  # one question of forty
        ({"right": 0.55, "over_refusal": 0.05}, False, "5.0% fewer right"),
        ({"right": 0.6, "over_refusal": 0.13}, False, "declines 8.0% more"),
    ],
)
def test_what_was_lost_on_another_handbook_is_told(
    tuned: dict[str, float], nothing_lost: bool, said: str
) -> None:
    decision, reason = kept({**BASE, "questions": 40.0}, {"questions": 40.0, **tuned})
    assert decision is nothing_lost
    assert said in reason


def test_an_answerable_question_is_right_where_its_row_is_cited(inhouse: SmallInhouse) -> None:
    asked = pair(
        "q", "what is the limit for breakfast", evidence=(Evidence("travel.md", ROW),), chunk_id="travel-0"
    )
    assert ask_all(inhouse.answerer, [asked], "current") == [Outcome("answerable", "a", True, True)]


def test_the_second_half_is_asked_only_of_a_model_that_does_better_with_the_first(
    inhouse: SmallInhouse,
) -> None:
    evidence = (Evidence("travel.md", ROW),)
    asked = [
        pair(f"q{number}", "what is the limit for breakfast", document=f"d{number}", evidence=evidence)
        for number in range(6)
    ]
    blind = inhouse.answerer_with(Nothing())
    before, after = ask_both(blind, inhouse.answerer, asked)
    assert [item.group for item in before] == [item.group for item in after]
    assert {item.group for item in after} == {f"d{number}" for number in range(6)}
    assert all(item.right for item in after)
    assert not any(item.right for item in before)
    same, again = ask_both(inhouse.answerer, inhouse.answerer, asked)
    assert same == again
    assert len(same) == 3


def test_a_contrast_question_does_not_see_its_passage(inhouse: SmallInhouse) -> None:
    question, evidence = "limit for breakfast", (Evidence("travel.md", ROW),)
    withheld = pair("q", question, kind="unanswerable", evidence=evidence, chunk_id="travel-0")
    by_quote = pair("q", question, kind="unanswerable", evidence=evidence, chunk_id="elsewhere")
    seen = pair("q", question, kind="unanswerable")
    assert [item.answered for item in ask_all(inhouse.answerer, [withheld, by_quote, seen], "current")] == [
        False,
        False,
        True,
    ]
