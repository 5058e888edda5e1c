"""Lines of a question file that hold a question and an answer and nothing else.

Such a question counts as answerable. It is one to be declined where its answer is the assistant's own wording
for that, or begins with a phrase that the caller names. That many questions have the same answer makes none
of them a redirect, for an FAQ may say one thing to several questions; such answers are listed instead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from core.settings import AssistantSettings
from core.types import QAPair

METHOD = "pair"
SHARED = 3  # questions with one answer from which on it is listed


def is_pair(row: dict[str, Any]) -> bool:
    answer = row.get("answer")
    return "kind" not in row and isinstance(answer, str) and bool(answer.strip())


def as_row(
    row: dict[str, Any], line: int, assistant: AssistantSettings, off_topic: Sequence[str]
) -> dict[str, Any]:
    """The row in the format of the question files; its id is that of its line where it has none."""
    kind = _kind(row["answer"], assistant, off_topic)
    return {"id": f"line-{line}", **row, "kind": kind, "method": METHOD}


def _kind(answer: str, assistant: AssistantSettings, off_topic: Sequence[str]) -> str:
    said = _folded(answer)
    own = {
        "offtopic": assistant.off_topic,
        "unanswerable": assistant.no_answer,
        "injection": assistant.blocked,
    }
    for kind, wording in own.items():
        if said == _folded(wording.format(purpose=assistant.purpose)):
            return kind
    return "offtopic" if any(said.startswith(_folded(phrase)) for phrase in off_topic) else "answerable"


def shared_answers(questions: Sequence[QAPair]) -> dict[str, int]:
    """Answers of plain pairs that several questions have word for word -> how many; most first."""
    asked: dict[str, set[str]] = defaultdict(set)
    for question in questions:
        if question.method == METHOD and question.kind == "answerable":
            asked[question.answer.strip()].add(question.question)
    counts = {answer: len(texts) for answer, texts in asked.items() if len(texts) >= SHARED}
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def _folded(text: str) -> str:
    return " ".join(text.replace("’", "'").casefold().split()).rstrip(" .!")
