from __future__ import annotations

import json
from typing import Any

import pytest

from core.types import Message, QAPair
from finetune import formats
from finetune.formats import Format, Raw, UnusableRowError, read_row, write_row

ASKED, SAID = "How many days of leave?", "27 days a year."
TURNS = [{"role": "user", "content": ASKED}, {"role": "assistant", "content": SAID}]


@pytest.mark.parametrize(
    ("row", "form"),
    [
        ({"question": ASKED, "answer": SAID}, "question-answer"),
        ({"Question ": f" {ASKED} ", "ANSWER": SAID, "source": "wiki"}, "question-answer"),
        ({"instruction": ASKED, "response": SAID}, "instruction"),
        ({"instruction": ASKED, "input": "", "output": SAID}, "alpaca"),
        ({"input": ASKED, "output": SAID}, "input-output"),
        ({"prompt": ASKED, "completion": SAID}, "prompt-completion"),
        ({"prompt": TURNS[:1], "completion": TURNS[1:]}, "prompt-completion"),
        ({"messages": [{"role": "system", "content": "Be kind."}, *TURNS]}, "messages"),
        ({"messages": json.dumps(TURNS)}, "messages"),
        ({"conversations": [{"from": "human", "value": ASKED}, {"from": "gpt", "value": SAID}]}, "messages"),
        ({"text": f"### Question:\n{ASKED}\n\n### Answer:\n{SAID}"}, "text"),
        ({"text": f"Q: {ASKED}\nA: {SAID}</s>"}, "text"),
        (
            {"text": f"Question: {ASKED}\nAnswer: {SAID}\n\nQuestion: And sick?\nAnswer: Yes."},
            "text",
        ),
        ({"text": f"<s>[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\n{ASKED} [/INST] {SAID} </s>"}, "text"),
        (
            {"text": f"<|im_start|>user\n{ASKED}<|im_end|>\n<|im_start|>assistant\n{SAID}<|im_end|>"},
            "text",
        ),
        ({"text": f"<|user|>\n{ASKED}</s>\n<|assistant|>\n{SAID}</s>"}, "text"),
    ],
)
def test_a_row_is_read_by_its_columns(row: dict[str, Any], form: str) -> None:
    assert read_row(row) == (form, [Raw(ASKED, SAID)])


@pytest.mark.parametrize("answer", ["output", "response"])
def test_an_instruction_keeps_its_input(answer: str) -> None:
    row = {"instruction": "Answer the question.", "input": ASKED, answer: SAID}
    assert read_row(row)[1] == [Raw(f"Answer the question.\n\n{ASKED}", SAID)]


def test_the_input_of_marked_text_belongs_to_its_instruction() -> None:
    text = f"Below is a task.\n\n### Instruction:\nAnswer.\n\n### Input:\n{ASKED}\n\n### Response:\n{SAID}"
    assert read_row({"text": text})[1] == [Raw(f"Answer.\n\n{ASKED}", SAID)]


def test_every_answered_turn_of_a_conversation_is_a_pair_with_the_turns_before_it() -> None:
    more = [{"role": "user", "content": "And part-time?"}, {"role": "assistant", "content": "In proportion."}]
    _, found = read_row({"messages": [*TURNS, *more, {"role": "user", "content": "Thanks"}]})
    history = (Message("user", ASKED), Message("assistant", SAID))
    assert found == [Raw(ASKED, SAID), Raw("And part-time?", "In proportion.", history)]


def test_numbers_are_answers() -> None:
    assert read_row({"question": ASKED, "answer": 27})[1] == [Raw(ASKED, "27")]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"title": "a", "body": "b"}, formats.UNKNOWN_COLUMNS),
        ({"question": ASKED, "answer": "  "}, formats.EMPTY),
        ({"question": ASKED, "answer": None}, formats.EMPTY),
        ({"text": "Our offices are in Ghent and Delft."}, formats.UNMARKED_TEXT),
        ({"text": f"### Question:\n{ASKED}\n### Answer:\n"}, formats.EMPTY),
        ({"messages": TURNS[:1]}, formats.NO_MESSAGES),
        ({"messages": "not JSON"}, formats.NO_MESSAGES),
        ({"messages": ["text"]}, formats.NO_MESSAGES),
        ({"messages": 7}, formats.NO_MESSAGES),
    ],
)
def test_a_row_that_cannot_be_used_says_why(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnusableRowError, match=reason):
        read_row(row)


@pytest.mark.parametrize("form", formats.FORMATS[1:])
def test_what_is_written_in_a_format_is_read_again(form: Format) -> None:
    pair = QAPair("q1", "answerable", ASKED, SAID)
    assert read_row(write_row(pair, form)) == (form, [Raw(ASKED, SAID)])


def test_messages_keep_the_history_of_a_question() -> None:
    history = (Message("user", ASKED), Message("assistant", SAID))
    pair = QAPair("q1", "followup", "And part-time?", "In proportion.", history=history)
    assert read_row(write_row(pair, "messages"))[1][-1] == Raw("And part-time?", "In proportion.", history)
