from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from core.decision import off_topic_questions
from core.settings import AssistantSettings
from finetune import refusals
from finetune.similarity import near_duplicates
from tests.finetune.building import pair

ASSISTANT = AssistantSettings(purpose="questions about Acme", no_answer="Not found, only {purpose}.")


def test_the_bank_is_large_varied_and_without_repetition() -> None:
    topics = refusals.read_bank(refusals.OFF_TOPIC_BANK)
    questions = [question for group in topics.values() for question in group]
    assert len(topics) >= 15
    assert len(questions) >= 300
    assert near_duplicates(questions) == []
    assert 0.2 < sum(question[0].islower() for question in questions) / len(questions) < 0.8


def test_the_bank_for_tuning_repeats_nothing_of_the_bank_that_answering_compares_with() -> None:
    serving = off_topic_questions()
    tuning = [
        question for group in refusals.read_bank(refusals.OFF_TOPIC_BANK).values() for question in group
    ]
    assert not any(left < len(serving) <= right for left, right in near_duplicates([*serving, *tuning]))


def test_injections_are_varied() -> None:
    topics = refusals.read_bank(refusals.INJECTION_BANK)
    assert len(topics) >= 4
    assert sum(map(len, topics.values())) >= 40


def test_a_bank_file_is_read_by_topic_without_comments(tmp_path: Path) -> None:
    path = tmp_path / "bank.txt"
    path.write_text("# a comment\n\n[sport]\nwho won?\n[food]\n how long to boil an egg \n")
    assert refusals.read_bank(path) == {"sport": ["who won?"], "food": ["how long to boil an egg"]}


def test_off_topic_questions_come_from_all_topics_alike_with_the_wording_of_the_settings() -> None:
    chosen = refusals.off_topic(40, ASSISTANT, seed=3)
    counts = Counter(item.method for item in chosen)
    assert len(chosen) == 40
    assert max(counts.values()) - min(counts.values()) <= 1
    assert {item.kind for item in chosen} == {"offtopic"}
    assert chosen[0].answer.endswith("I can help with questions about Acme.")
    assert chosen == refusals.off_topic(40, ASSISTANT, seed=3)
    assert chosen != refusals.off_topic(40, ASSISTANT, seed=4)


def test_no_more_is_taken_than_the_bank_holds() -> None:
    whole = sum(map(len, refusals.read_bank(refusals.INJECTION_BANK).values()))
    assert len(refusals.injections(10_000, ASSISTANT, seed=1)) == whole


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (0.5, 5), (1.0, 10)])
def test_contrast_pairs_repeat_a_share_of_the_answerable_questions(share: float, expected: int) -> None:
    pairs = [pair(f"q{number}", chunk_id=f"c{number}", keywords=("7",)) for number in range(10)]
    pairs.append(pair("imported", chunk_id=""))
    made = refusals.contrast(pairs, ASSISTANT, share, seed=1)
    assert len(made) == expected
    for item in made:
        original = next(other for other in pairs if f"{other.id}-withheld" == item.id)
        assert (item.kind, item.method, item.keywords) == ("unanswerable", "contrast", ())
        assert (item.question, item.chunk_id, item.evidence) == (
            original.question,
            original.chunk_id,
            original.evidence,
        )
        assert item.answer == "Not found, only questions about Acme."
