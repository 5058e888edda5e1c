from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from core.decision import off_topic_questions
from core.settings import AssistantSettings
from finetune import datasets, refusals
from finetune.reader_data import practice_handbooks
from finetune.similarity import near_duplicates
from tests.finetune.building import pair

EXAMPLES = Path(__file__).parents[2] / "examples" / "questions.jsonl"
ASSISTANT = AssistantSettings(purpose="questions about Acme", no_answer="Not found, only {purpose}.")


BANKS = (refusals.OFF_TOPIC_BANK, refusals.SMALL_TALK_BANK, refusals.INJECTION_BANK)


def bank(path: Path) -> list[str]:
    return [question for questions in refusals.read_bank(path).values() for question in questions]


def held_out(path: Path) -> list[str]:
    return [
        question
        for topic, questions in refusals.read_bank(path).items()
        if topic.startswith(datasets.HELD_OUT_TOPIC)
        for question in questions
    ]


def test_the_bank_is_large_varied_and_without_repetition() -> None:
    topics = refusals.read_bank(refusals.OFF_TOPIC_BANK)
    questions = bank(refusals.OFF_TOPIC_BANK)
    assert len(topics) >= 25
    assert len(questions) >= 400
    assert near_duplicates(questions) == []
    assert 0.2 < sum(question[0].islower() for question in questions) / len(questions) < 0.8


def test_the_banks_repeat_nothing_of_each_other_nor_of_what_answering_compares_with() -> None:
    parts = [off_topic_questions(), *map(bank, BANKS)]
    owner = [number for number, part in enumerate(parts) for _ in part]
    questions = [question for part in parts for question in part]
    alike = [(questions[left], questions[right]) for left, right in near_duplicates(questions)]
    assert [
        pair for pair in alike if owner[questions.index(pair[0])] != owner[questions.index(pair[1])]
    ] == []


def test_nothing_that_teaches_refusals_is_nearly_a_question_that_measures_them() -> None:
    """Banks, what answering compares with, and practice questions, against the questions of the demo."""
    measured = [item.question for item in datasets.load(EXAMPLES) if item.kind in ("offtopic", "injection")]
    practised = [
        item.question
        for folder in practice_handbooks()
        for item in datasets.load(folder / "questions.jsonl")
        if item.kind == "offtopic"
    ]
    teaching = [*off_topic_questions(), *(text for path in BANKS for text in bank(path)), *practised]
    asked = [*measured, *teaching]
    assert [
        (asked[left], asked[right]) for left, right in near_duplicates(asked) if left < len(measured) <= right
    ] == []


def test_topics_that_are_held_out_are_nearly_nothing_that_is_trained_on() -> None:
    kept = [question for path in BANKS for question in held_out(path)]
    assert len(held_out(refusals.OFF_TOPIC_BANK)) >= 90
    practised = [
        item.question for folder in practice_handbooks() for item in datasets.load(folder / "questions.jsonl")
    ]
    trained = [question for path in BANKS for question in bank(path) if question not in kept] + practised
    both = [*kept, *trained]
    assert [
        (both[left], both[right]) for left, right in near_duplicates(both) if left < len(kept) <= right
    ] == []


def test_small_talk_is_declined_with_what_the_assistant_is_for() -> None:
    chosen = refusals.small_talk(40, ASSISTANT, seed=3)
    assert {item.kind for item in chosen} == {"offtopic"}
    assert len({item.method for item in chosen}) >= 7
    assert {item.answer for item in chosen} == {ASSISTANT.off_topic.format(purpose="questions about Acme")}
    assert not {item.id for item in chosen} & {item.id for item in refusals.off_topic(40, ASSISTANT, seed=3)}


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
