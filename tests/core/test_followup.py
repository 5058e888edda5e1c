from __future__ import annotations

import pytest

from core.followup import standalone
from core.types import Message

HISTORY = (Message("user", "How long is paid parental leave?"), Message("assistant", "Sixteen weeks."))


@pytest.mark.parametrize(
    "question", ["and for adoption?", "Can I split it?", "what about twins", "who approves that?"]
)
def test_a_question_that_leans_on_the_conversation_is_joined_to_what_it_leans_on(question: str) -> None:
    assert standalone(question, HISTORY) == f"How long is paid parental leave? {question}"


def test_a_question_that_stands_alone_is_left_as_it_is() -> None:
    question = "Where do I find the price list of the spare parts?"
    assert standalone(question, HISTORY) == question


def test_a_chain_of_followups_leans_on_the_question_that_began_it() -> None:
    chain = (*HISTORY, Message("user", "and for adoption?"), Message("assistant", "Twelve weeks."))
    assert standalone("is it paid?", chain).startswith("How long is paid parental leave?")


def test_without_a_conversation_nothing_is_added() -> None:
    assert standalone("is it paid?", ()) == "is it paid?"
