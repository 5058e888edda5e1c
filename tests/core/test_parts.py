from __future__ import annotations

import time

import pytest

from core.parts import parts_of


@pytest.mark.parametrize(
    ("question", "first", "second"),
    [
        # two whole questions
        ("how long is probation and what comes then", "how long is probation", "what comes then"),
        ("Is parking free, and where do I get a pass?", "Is parking free", "where do I get a pass"),
        ("is the gate locked, how do I open it?", "is the gate locked", "how do I open it"),
        ("do I need a visa or does the firm get it?", "do I need a visa", "does the firm get it"),
        # what both share is said in both
        ("keys for cash and for card?", "keys for cash", "keys for card"),
        ("fee for debit vs amex", "fee for debit", "fee for amex"),
        ("fee in Ireland compared with in Spain", "fee in Ireland", "fee in Spain"),
        ("default timeout and default number of retries", "default timeout", "default number of retries"),
        ("bonus for signing on or for friends", "bonus for signing on", "bonus for friends"),
        ("PTO notice: what's the rule and what does support ask for?",
         "PTO notice: what's the rule", "PTO notice: what does support ask for"),
    ],
)  # fmt: skip
def test_a_question_that_asks_two_things_is_cut(question: str, first: str, second: str) -> None:
    assert parts_of(question) == (first, second)


@pytest.mark.parametrize(
    "question",
    [
        "How many days of leave do I get?",
        "I'm new in the US, how long do I have to sign up?",  # what is so, then the question
        "do I keep my laptop or not?",
        "may I have a cat or a dog?",
        "the slip says TRAINING and why?",  # nothing is left to search for
        "who runs R&D (research and development)?",  # an acronym spelt out
        "who runs R&D [research and development]?",
        "is there a bonus at Johnson and Johnson",
        "and for part-timers?",
        "?!",
        "",
    ],
)
def test_one_question_stays_whole(question: str) -> None:
    assert parts_of(question) == (question,)


def test_of_many_cuts_the_first_is_taken() -> None:
    assert parts_of("what is a pump and " * 100 + "why")[0] == "what is a pump"


@pytest.mark.parametrize(
    "text", ["Is parking free" + " " * 24_000 + "for guests", "what is a pump and " * 1200]
)
def test_a_long_text_is_cut_in_no_time(text: str) -> None:
    began = time.process_time()
    parts_of(text)
    assert time.process_time() - began < 0.5
