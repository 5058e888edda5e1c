from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from core.types import Hit, Labels
from finetune import filters
from finetune.filters import Made
from finetune.questions.passage import Candidate
from finetune.similarity import content_words, near_duplicates, overlap
from tests.finetune.building import chunk

TEXT = "Claims are paid within 30 days. The limit is €12 for breakfast."


def made(
    question: str = "How soon do I get my money back?",
    *,
    evidence: Sequence[str] = ("Claims are paid within 30 days.",),
    answer: str = "Claims are paid within 30 days.",
    keywords: Sequence[str] = (),
    method: str = "fact",
    human: bool = False,
    source: str = "a.md",
    ordinal: int = 0,
) -> Made:
    candidate = Candidate(question, answer, tuple(evidence), method, tuple(keywords), human)
    return Made(chunk(TEXT, source=source, ordinal=ordinal), candidate)


@pytest.mark.parametrize(
    ("item", "fault"),
    [
        (made(), ""),
        (made(evidence=("Claims are paid in 30 days.",)), filters.EVIDENCE),
        (made(evidence=()), filters.EVIDENCE),
        (made("Money back?"), filters.LENGTH),
        (made("how is it for me then"), filters.LENGTH),
        (made("Are claims paid?"), filters.OVERLAP),
        (made("Are claims paid?", human=True), ""),
        (made("Is it 30 days until I get my money?", keywords=("30 days",)), filters.ANSWERED),
        (made("Is it 130 days until I get my money?", keywords=("30 days",)), ""),
    ],
)
def test_a_fault_of_a_single_question(item: Made, fault: str) -> None:
    assert filters.fault_of(item) == fault


def test_a_question_in_another_language_than_its_evidence_is_dropped() -> None:
    german = "Die Kündigungsfrist beträgt drei Monate und wird von der Leitung bestätigt."
    row = "| Kündigungsfrist | drei Monate |"
    source = chunk(f"{german}\n{row}", source="a.md")
    told = Candidate("What is the Kündigungsfrist for my job?", german, (german,), "fact")
    untold = replace(told, evidence=(row,))
    labelled = replace(source, labels=Labels(language="de-AT"))
    assert filters.fault_of(Made(source, told)) == filters.LANGUAGE
    assert filters.fault_of(Made(source, untold)) == ""
    assert filters.fault_of(Made(labelled, untold)) == filters.LANGUAGE


def test_what_is_dropped_is_counted_by_its_reason() -> None:
    dropped: Counter[str] = Counter()
    items = [made(), made("how soon do i get my money back"), made("Are claims paid?"), made("Money?")]
    assert filters.sound(items, dropped) == items[:1]
    assert dropped == {filters.DUPLICATE: 1, filters.OVERLAP: 1, filters.LENGTH: 1}


def test_a_question_must_find_its_chunk_or_one_with_the_same_evidence() -> None:
    other = chunk("Something else.", source="b.md")
    twin = chunk(TEXT, source="twin.md")
    found = {
        "first": [Hit(made().chunk, 1.0)],
        "second": [Hit(other, 1.0), Hit(twin, 0.5)],
        "third": [Hit(other, 1.0)],
    }
    dropped: Counter[str] = Counter()
    kept = filters.answerable(
        [made("first"), made("second"), made("third")], lambda question: found[question], dropped
    )
    assert [item.candidate.question for item in kept] == ["first", "second"]
    assert dropped == {filters.NOT_FOUND: 1}


def test_only_the_first_ten_hits_count() -> None:
    others = [Hit(chunk("Something else.", source=f"{number}.md"), 1.0) for number in range(10)]
    dropped: Counter[str] = Counter()
    assert filters.answerable([made()], lambda question: [*others, Hit(made().chunk, 0.1)], dropped) == []


def test_the_quota_is_per_document_and_prefers_people_and_variety() -> None:
    items = [made(f"question {number}", method="table", evidence=(f"row {number}",)) for number in range(5)]
    items += [
        made("rule", method="rule", evidence=("a",)),
        made("human", method="faq", human=True, evidence=("b",)),
    ]
    items += [made("other document", source="b.md")]
    dropped: Counter[str] = Counter()
    kept = [item.candidate.question for item in filters.within_quota(items, 3, dropped)]
    assert kept == ["human", "question 0", "rule", "other document"]
    assert dropped == {filters.QUOTA: 4}


def test_a_second_question_about_the_same_unit_comes_after_all_first_ones() -> None:
    items = [made("one", evidence=("a",)), made("again", evidence=("a",)), made("two", evidence=("b",))]
    kept = filters.within_quota(items, 2, Counter())
    assert [item.candidate.question for item in kept] == ["one", "two"]


def test_overlap_counts_words_that_carry_meaning_whatever_their_ending() -> None:
    assert content_words("Am I booking the rooms?") == content_words("room book")
    assert overlap("who pays for booked rooms", "Rooms are booked by reception.") == pytest.approx(2 / 3)
    assert overlap("what is it?", "It is.") == 0.0


def test_near_duplicates_are_the_pairs_that_comparing_all_finds() -> None:
    questions = [
        f"can I {verb} a {thing} on {day}"
        for verb in ("book", "booking", "cancel")
        for thing in ("room", "big red desk")
        for day in ("Monday", "Mondays", "Friday")
    ]
    sets = [content_words(question) for question in questions]
    expected = [
        (i, j)
        for j in range(len(sets))
        for i in range(j)
        if len(sets[i] & sets[j]) / len(sets[i] | sets[j]) >= 0.8
    ]
    assert sorted(near_duplicates(questions)) == sorted(expected)
    assert len(expected) > 5
