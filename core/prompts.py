"""The only prompt rendering: templates as files, the same for training, serving and evaluation.

A family fits a kind of model (`chat`, `qa`, `alpaca`, `flan`). Of the chat family the messages go through the
tokenizer's chat template or to a server; of the others one text goes to the model as it is.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import yaml

from core.models.reader import heading_line
from core.types import Chunk, Hit, Message
from core.units import Unit, split_units

Family = Literal["chat", "qa", "alpaca", "flan"]
NOT_COVERED = "NOT COVERED"
_TEMPLATES = Path(__file__).parent / "templates"
# What chat templates and the text families mark turns with, in the models that are in use.
_TURN_MARKS = re.compile(
    r"<\|[^|<>]{1,40}\|>|</?s>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|<(?:pad|unk|bos|eos)>|<extra_id_\d+>|#{3,}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a prompt is made of. `hits` may be empty: then the model answers without passages."""

    question: str
    hits: tuple[Hit, ...] = ()
    history: tuple[Message, ...] = ()
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A family of templates with a number of examples. `marks` are the special tokens of the tokenizer that
    will read it; where they stand in what people wrote they are broken up.
    """

    family: Family
    shots: int = 0
    marks: frozenset[str] = frozenset()

    @property
    def hash(self) -> str:
        """Of family, shots, versions and texts: part of cache keys and of an adapter's card."""
        examples = _shots()["shots"][: self.shots]
        parts = [
            self.family,
            self.shots,
            _template(self.family),
            self.shots and _shots()["version"],
            examples,
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]

    def render(self, asked: Asked) -> tuple[Message, ...]:
        """The messages of the chat family; one user message with the whole text of any other."""
        return self._messages(asked) if self.family == "chat" else (Message("user", self._text(asked)),)

    def completion(self, answer: str) -> str:
        """What the model is to write behind the prompt, as training shows it."""
        lead, _ = self._answer_frame()
        return f"{lead}{answer}"

    def safe(self, text: str) -> str:
        """On one line, and unable to pass for the end of a turn or of a passage."""
        return defuse(" ".join(text.split()), self.marks)

    def _messages(self, asked: Asked) -> tuple[Message, ...]:
        template = _template(self.family)["with_passages" if asked.hits else "without_passages"]
        turns = [Message("system", template["system"].format(purpose=asked.purpose))]
        for shot in self._examples(asked):
            passages = "\n".join(shot["passages"])
            turns.append(
                Message("user", template["question"].format(passages=passages, question=shot["question"]))
            )
            turns.append(Message("assistant", shot["answer"]))
        turns += [
            Message(message.role, defuse(message.content, self.marks)) for message in _spoken(asked.history)
        ]
        return (*turns, Message("user", self._question(template, asked)))

    def _text(self, asked: Asked) -> str:
        row = _template(self.family)
        template = row["with_passages" if asked.hits else "without_passages"]
        lead, frame = self._answer_frame()
        blocks = [template["system"].format(purpose=asked.purpose)]
        for shot in self._examples(asked):
            question = template["question"].format(
                passages="\n".join(shot["passages"]), question=shot["question"], purpose=asked.purpose
            )
            blocks.append(f"{question}{frame}{lead}{shot['answer']}")
        for question, answer in _exchanges(asked.history):
            asked_before = row["without_passages"]["question"].format(question=self.safe(question))
            blocks.append(f"{asked_before}{frame}{lead}{self.safe(answer)}")
        blocks.append(f"{self._question(template, asked)}{frame}")
        return "\n\n".join(blocks)

    def _question(self, template: dict[str, str], asked: Asked) -> str:
        passages = "\n".join(
            f"[{number}] {self.safe(heading_line(hit.chunk.title, hit.chunk.headings))}: "
            f"{self.safe(passage_text(hit.chunk))}"
            for number, hit in enumerate(asked.hits, 1)
        )
        return template["question"].format(
            passages=passages, question=self.safe(asked.question), purpose=asked.purpose
        )

    def _examples(self, asked: Asked) -> list[dict[str, Any]]:
        """The examples are of answering from passages, so that a question without any goes without them."""
        shots: list[dict[str, Any]] = _shots()["shots"]
        return shots[: self.shots] if asked.hits else []

    def _answer_frame(self) -> tuple[str, str]:
        """(what stands between frame and answer, the frame): a blank that ends a prompt would be a token of
        its own, which no answer in running text follows.
        """
        frame = _template(self.family)["answer"].format(answer="")
        bare = frame.rstrip(" ")
        return frame[len(bare) :], bare


def question_request(chunk: Chunk, count: int, purpose: str) -> tuple[Message, ...]:
    """Asks a generating model for questions that the chunk answers; see `templates/questions.yaml`."""
    row = yaml.safe_load((_TEMPLATES / "questions.yaml").read_text(encoding="utf-8"))
    heading = defuse(heading_line(chunk.title, chunk.headings))
    request = row["request"].format(heading=heading, passage=defuse(passage_text(chunk)), count=count)
    return Message("system", row["system"].format(purpose=purpose)), Message("user", request)


def judge_request(question: str, reference: str, first: str, second: str) -> tuple[Message, ...]:
    """Asks a judge model which answer is better; see `templates/judge.yaml`."""
    row = yaml.safe_load((_TEMPLATES / "judge.yaml").read_text(encoding="utf-8"))
    texts = {"question": question, "reference": reference or "(none)", "first": first, "second": second}
    request = row["request"].format(**{name: defuse(text) for name, text in texts.items()})
    return Message("system", row["system"]), Message("user", request)


def passage_text(chunk: Chunk) -> str:
    """The chunk as models read it, on one line: its units in their order, a table row with the names of its
    columns, a heading within it before what stands under it.
    """
    parts: list[str] = []
    heading = ""
    for unit in split_units(chunk.text):
        if unit.heading and unit.heading != heading:
            parts.append(f"{unit.heading}:")
        heading = unit.heading
        parts.append(unit_text(unit))
    return " ".join(parts)


def unit_text(unit: Unit) -> str:
    return " ".join(unit.readable().split())


def defuse(text: str, marks: Collection[str] = ()) -> str:
    """The text with a blank inside everything that a model would read as the mark of a turn."""
    return _TURN_MARKS.sub(lambda found: _spaced(found.group()), broken_up(text, marks))


def broken_up(text: str, marks: Collection[str]) -> str:
    """The text with a blank inside each of the marks."""
    for mark in marks:
        if len(mark) > 1 and mark in text:
            text = text.replace(mark, f"{mark[0]} {mark[1:]}")
    return text


def _spaced(mark: str) -> str:
    return " ".join(mark) if mark.startswith("#") else f"{mark[0]} {mark[1:]}"


def _spoken(history: Sequence[Message]) -> list[Message]:
    return [message for message in history if message.role != "system"]


def _exchanges(history: Sequence[Message]) -> list[tuple[str, str]]:
    """(question, answer) of the turns that were answered."""
    turns = _spoken(history)
    return [
        (asked.content, said.content)
        for asked, said in pairwise(turns)
        if (asked.role, said.role) == ("user", "assistant")
    ]


@cache
def _template(family: Family) -> dict[str, Any]:
    row: dict[str, Any] = yaml.safe_load((_TEMPLATES / f"{family}.yaml").read_text(encoding="utf-8"))
    return row


@cache
def _shots() -> dict[str, Any]:
    row: dict[str, Any] = yaml.safe_load((_TEMPLATES / "shots.yaml").read_text(encoding="utf-8"))
    return row
