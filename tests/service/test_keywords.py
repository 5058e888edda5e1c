from __future__ import annotations

import pytest

from service.keywords import keywords_of


@pytest.mark.parametrize(
    ("answer", "evidence", "question", "expected"),
    [
        ("You have 30 days.", "New hires have 30 days to enroll.", "How long?", ("30 days",)),
        ("It is 12.", "The limit is 12.", "limit?", ("12",)),
        ("Nothing is said.", "The limit is 12.", "limit?", ()),
        ("Within 12 days", "Within 12 days", "is it 12 days?", ()),
        ("Ask Ruben Claes.", "Then ask Ruben Claes about it.", "who helps?", ("Ruben Claes",)),
        ("€12 at breakfast", "Breakfast costs €12.", "breakfast?", ("€12",)),
        ("no-reply@a.example", "Write to no-reply@a.example.", "where to?", ("no-reply@a.example",)),
    ],
)
def test_a_right_answer_must_hold_the_facts_of_its_evidence(
    answer: str, evidence: str, question: str, expected: tuple[str, ...]
) -> None:
    assert keywords_of(answer, evidence, question) == expected


def test_of_many_facts_the_one_beside_what_was_asked_counts() -> None:
    text = "Laptops are replaced after 4 years, phones after 3 years, headsets after 2 years."
    assert keywords_of(text, text, "And headsets?") == ("2 years",)
