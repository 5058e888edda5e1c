"""The shapes in which question-answer data come and go: which columns say what.

pairs              our own: id, kind, question, answer, evidence, ...
question-answer    question, answer
instruction        instruction, response
alpaca             instruction, input, output
input-output       input, output
prompt-completion  prompt, completion (texts, or lists of messages)
text               text, with marks such as `### Question:` and `### Answer:`
messages           messages (or conversations): [{role, content}, ...]
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, get_args

from core.types import Message, QAPair, Role

Format = Literal[
    "pairs",
    "question-answer",
    "instruction",
    "alpaca",
    "input-output",
    "prompt-completion",
    "text",
    "messages",
]
FORMATS: tuple[Format, ...] = get_args(Format)
KEEP_HISTORY: tuple[Format, ...] = ("pairs", "messages")

EMPTY = "empty question or answer"
UNKNOWN_COLUMNS = "columns of no known format"
UNMARKED_TEXT = "text without marks of question and answer"
NO_MESSAGES = "messages without a question and its answer"

_COLUMNS: dict[Format, tuple[str, str]] = {
    "question-answer": ("question", "answer"),
    "instruction": ("instruction", "response"),
    "input-output": ("input", "output"),
    "prompt-completion": ("prompt", "completion"),
}
_ROLES: dict[str, Role] = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "system": "system",
}
_ASKED = re.compile(
    r"^[ \t]*(?:#{2,4}[ \t]*(?:question|instruction|input|user|human|prompt)[ \t]*:?"
    r"|(?:question|q|instruction|user|human|prompt)[ \t]*:)[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
_ANSWERED = re.compile(
    r"^[ \t]*(?:#{2,4}[ \t]*(?:answer|response|output|assistant|completion)[ \t]*:?"
    r"|(?:answer|a|response|assistant|bot|completion)[ \t]*:)[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
_INST = re.compile(r"\[INST\](.*?)\[/INST\](.*?)(?:</s>|$)", re.DOTALL)
_TURN = re.compile(
    r"<\|(?:im_start\|>)?(system|user|assistant)(?:\|>)?\n?(.*?)(?=<\|(?:im_end|end|eot_id|im_start|system|user|assistant)|</s>|$)",
    re.DOTALL,
)
_END_MARKS = re.compile(r"(?:</?s>|<\|endoftext\|>|<\|end\|>|<\|im_end\|>|<\|eot_id\|>)\s*$")


class UnusableRowError(ValueError):
    """Its message is the reason, as it is counted."""


@dataclass(frozen=True, slots=True)
class Raw:
    """A question with its answer, as a row of some format tells it."""

    question: str
    answer: str
    history: tuple[Message, ...] = ()


def format_of(columns: Sequence[str]) -> Format | None:
    """The format by the names of the columns, whatever their case and order; None where none fits."""
    names = {name.strip().lower() for name in columns}
    if names >= {"id", "kind", "question"}:
        return "pairs"
    if names & {"messages", "conversations"}:
        return "messages"
    if names >= {"question", "answer"}:
        return "question-answer"
    if names >= {"instruction", "output"}:
        return "alpaca"
    named = next((form for form, pair in _COLUMNS.items() if names >= set(pair)), None)
    return named or ("text" if "text" in names else None)


def read_row(row: Mapping[str, Any]) -> tuple[Format, list[Raw]]:
    """What a row of any format but `pairs` says: a Raw a question, more than one in a conversation.

    Raises UnusableRowError.
    """
    values = {str(name).strip().lower(): value for name, value in row.items() if name is not None}
    form = format_of(list(values))
    if form is None or form == "pairs":
        raise UnusableRowError(UNKNOWN_COLUMNS)
    if form == "messages":
        found = _conversation(values.get("messages", values.get("conversations")))
    elif form == "prompt-completion" and not isinstance(values["prompt"], str):
        found = _conversation([*(values["prompt"] or ()), *_as_turns(values["completion"])])
    elif form == "text":
        found = [_marked(_text(values["text"]))]
    elif form in ("alpaca", "instruction"):
        asked = [_text(values["instruction"]), _text(values.get("input"))]
        answer = _text(values.get("output", values.get("response")))
        found = [Raw("\n\n".join(part for part in asked if part), answer)]
    else:
        asked_in, answered_in = _COLUMNS[form]
        found = [Raw(_text(values[asked_in]), _text(values[answered_in]))]
    if not found or not all(raw.question and raw.answer for raw in found):
        raise UnusableRowError(EMPTY)
    return form, found


def write_row(pair: QAPair, form: Format) -> dict[str, Any]:
    """The pair as a row of the format; only `pairs` and `messages` keep its history."""
    if form == "pairs":
        return pair.to_json()
    if form == "text":
        return {"text": f"### Question:\n{pair.question}\n\n### Answer:\n{pair.answer}"}
    if form == "alpaca":
        return {"instruction": pair.question, "input": "", "output": pair.answer}
    if form == "messages":
        turns = (*pair.history, Message("user", pair.question), Message("assistant", pair.answer))
        return {"messages": [{"role": turn.role, "content": turn.content} for turn in turns]}
    asked, answered = _COLUMNS[form]
    return {asked: pair.question, answered: pair.answer}


def _text(value: Any) -> str:
    """Numbers are answers too; a missing value is empty."""
    if value is None or isinstance(value, (list, dict)):
        return ""
    return str(value).strip()


def _as_turns(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [{"role": "assistant", "content": _text(value)}]


def _conversation(turns: Any) -> list[Raw]:
    """Every answered user turn with the turns before it."""
    if isinstance(turns, str):  # a cell of a CSV file
        try:
            turns = json.loads(turns)
        except json.JSONDecodeError:
            raise UnusableRowError(NO_MESSAGES) from None
    turns = turns if isinstance(turns, (list, tuple)) else ()
    spoken = [message for turn in turns if (message := _message(turn)) and message.role != "system"]
    found = [
        Raw(asked.content, said.content, tuple(spoken[:place]))
        for place, (asked, said) in enumerate(pairwise(spoken))
        if (asked.role, said.role) == ("user", "assistant")
    ]
    if not found:
        raise UnusableRowError(NO_MESSAGES)
    return found


def _message(turn: Any) -> Message | None:
    """OpenAI's {role, content} or ShareGPT's {from, value}; None where it says nothing."""
    if not isinstance(turn, dict):
        return None
    role = _ROLES.get(str(turn.get("role", turn.get("from", ""))).lower())
    content = _text(turn.get("content", turn.get("value")))
    return Message(role, content) if role and content else None


def _marked(text: str) -> Raw:
    """The first question and its answer, told apart by `### …`, `Q:`, `[INST]` or chat marks."""
    if match := _INST.search(text):
        asked = re.sub(r"<<SYS>>.*?<</SYS>>", "", match.group(1), flags=re.DOTALL)
        return Raw(asked.strip(), match.group(2).strip())
    if turns := [(role, said.strip()) for role, said in _TURN.findall(text)]:
        said = {role: content for role, content in reversed(turns) if role != "system"}
        return Raw(said.get("user", ""), said.get("assistant", ""))
    asked_at, answered_at = _ASKED.search(text), _ANSWERED.search(text)
    if not asked_at or not answered_at or answered_at.start() < asked_at.end():
        raise UnusableRowError(UNMARKED_TEXT)
    parts = _ASKED.split(text[asked_at.end() : answered_at.start()])  # an instruction, perhaps with its input
    following = _ASKED.search(text, answered_at.end())
    answer = text[answered_at.end() : following.start() if following else len(text)]
    question = "\n\n".join(part.strip() for part in parts if part.strip())
    return Raw(question, _END_MARKS.sub("", answer).strip())
