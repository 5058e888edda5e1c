from __future__ import annotations

import random
import re

import pytest

from finetune.questions.passage import Passage
from finetune.questions.wording import SYNONYMS, placed, reword, typed
from tests.finetune.building import chunk


def every(seeds: int, text: str) -> set[str]:
    return {reword(text, random.Random(seed)) for seed in range(seeds)}


def test_words_of_handbooks_become_everyday_words() -> None:
    made = every(60, "How many days of annual leave do employees get?")
    assert "How many days of vacation do people get?" in made
    assert "How many days of annual leave do employees get?" in made  # sometimes people use the handbook's


def test_a_plural_stays_one_and_articles_fit() -> None:
    assert "two computers" in every(60, "two laptops")
    assert every(60, "a invoice") <= {"an invoice", "a bill"}
    assert "my own car" in every(60, "a private car")


def test_every_line_of_the_synonyms_is_a_pattern_with_alternatives() -> None:
    lines = [line for line in SYNONYMS.read_text().splitlines() if line and not line.startswith("#")]
    for line in lines:
        pattern, separator, choices = line.partition(" = ")
        assert separator, line
        assert re.compile(pattern)
        assert all(choice.strip() for choice in choices.split(";")), line


def test_questions_are_typed_in_several_ways() -> None:
    made = [typed("What is the limit for the VPN?", random.Random(seed)) for seed in range(300)]
    assert 0.3 < sum(question[0].islower() for question in made) / 300 < 0.7
    assert sum("?" not in question for question in made) > 30
    assert sum(re.match(r"whats?|what's", question, re.I) is not None for question in made) > 200
    assert all("VPN" in question for question in made)
    assert not any("??" in question or "  " in question for question in made)


def test_a_subject_is_named_beside_the_question() -> None:
    made = {placed("Can I claim it?", "business travel", random.Random(seed)) for seed in range(30)}
    assert "business travel: can I claim it?" in made
    assert "Can I claim it? (business travel)" in made


@pytest.mark.parametrize(
    ("heading", "noun", "verb"),
    [
        ("4.2 Parental leave policy (draft)", "parental leave", ""),
        ("Carrying days over", "carrying days over", "carry days over"),
        ("Training budget", "training budget", ""),
        ("ANNUAL LEAVE", "annual leave", ""),
        ("The VPN", "VPN", ""),
        ("Leaving Acme", "leaving Acme", "leave Acme"),
    ],
)
def test_a_heading_as_a_topic(heading: str, noun: str, verb: str) -> None:
    topic = Passage.of(chunk("When people leave Acme they return the badge.")).as_topic(heading)
    assert topic is not None
    assert (topic.noun, topic.verb) == (noun, verb)


@pytest.mark.parametrize(
    "heading",
    [
        "Overview",
        "What is new?",
        "Before you start",
        "2026",
        "Telling us",
        "Release 5.8",
        "a/b",
        "One two three four five six",
    ],
)
def test_a_heading_that_names_no_subject_is_no_topic(heading: str) -> None:
    assert Passage.of(chunk("Some text.")).as_topic(heading) is None
