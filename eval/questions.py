"""Question files: loading them, and checking them against themselves and the index.

One JSON object a line: id, kind, question, and where the kind is to be answered also answer, keywords,
evidence [{source, quote}], history [{role, content}]. A line with question and answer alone is read by
`eval/plain_pairs.py`.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from core.errors import InvalidInputError
from core.interfaces import Embedder
from core.settings import AssistantSettings
from core.types import Chunk, QAPair
from eval import plain_pairs
from eval.matching import evidence_quote, fold, holds_quote, same_source
from eval.overlap import Overlap, near_duplicates, overlaps

ANSWER_KINDS = ("answerable", "multi", "followup")
REFUSAL_KINDS = ("unanswerable", "offtopic", "injection")
KINDS = ANSWER_KINDS + REFUSAL_KINDS
ROLES = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class LineFault:
    line: int  # from 1
    fault: str


@dataclass(frozen=True, slots=True)
class QuestionFile:
    path: Path
    sha256: str  # of the file's bytes
    questions: tuple[QAPair, ...]
    faults: tuple[LineFault, ...] = ()


@dataclass(frozen=True, slots=True)
class FileCheck:
    """What is odd about the questions themselves, whatever answers them: ids of the questions concerned."""

    by_kind: dict[str, int]
    duplicates: tuple[str, ...]  # same question with the same history as an earlier one
    without_keywords: tuple[str, ...]  # to be answered, but `correct` cannot be judged
    without_evidence: tuple[str, ...]  # to be answered, but retrieval cannot be judged
    evidence_missing: tuple[str, ...] = ()  # a quote stands in no indexed chunk of its source
    near_duplicates: tuple[tuple[str, str], ...] = ()  # (earlier, later) that ask nearly the same
    overlaps: tuple[Overlap, ...] = ()  # with what the adapters have learned
    plain_pairs: int = 0  # lines with question and answer alone
    shared_answers: Mapping[str, int] = field(default_factory=dict)  # of these, perhaps ways to decline


def load_questions(
    path: Path, assistant: AssistantSettings | None = None, off_topic: Sequence[str] = ()
) -> QuestionFile:
    """The usable questions of a file, and what is wrong with its other lines.

    Answers that begin as one of `off_topic`, or are the wording of `assistant`, decline. Raises
    InvalidInputError where the file cannot be read or no line of it can be used.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise InvalidInputError(f"The question file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"The question file {path} is not UTF-8 text.") from error
    questions: dict[str, QAPair] = {}
    faults = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            question = _parse(line, number, assistant or AssistantSettings(), off_topic)
            if question.id in questions:
                raise ValueError(f"the id {question.id!r} is used by an earlier line")
            questions[question.id] = question
        except ValueError as error:
            faults.append(LineFault(number, str(error)))
    if not questions:
        detail = f"; line {faults[0].line}: {faults[0].fault}" if faults else ": it is empty"
        raise InvalidInputError(f"The question file {path} holds no usable question{detail}.")
    return QuestionFile(path, hashlib.sha256(data).hexdigest(), tuple(questions.values()), tuple(faults))


def check_questions(
    questions: Sequence[QAPair],
    chunks: Iterable[Chunk] | None = None,
    embedder: Embedder | None = None,
    learned: Mapping[str, Sequence[QAPair]] | None = None,
) -> FileCheck:
    """`chunks`: all that the index holds; None leaves the evidence unchecked. Without an embedder, which also
    compares with what was `learned`, only questions of the same words are told.
    """
    seen: set[tuple[str, ...]] = set()
    duplicates = []
    for question in questions:
        key = (fold(question.question), *(fold(message.content) for message in question.history))
        if key in seen:
            duplicates.append(question.id)
        seen.add(key)
    to_answer = [question for question in questions if question.kind in ANSWER_KINDS]
    return FileCheck(
        by_kind=dict(Counter(question.kind for question in questions)),
        duplicates=tuple(duplicates),
        without_keywords=tuple(question.id for question in to_answer if not question.keywords),
        without_evidence=tuple(question.id for question in to_answer if not question.evidence),
        evidence_missing=() if chunks is None else _missing_evidence(to_answer, chunks),
        near_duplicates=near_duplicates(questions, embedder) if embedder else (),
        overlaps=overlaps(questions, learned or {}, embedder) if embedder else (),
        plain_pairs=sum(question.method == plain_pairs.METHOD for question in questions),
        shared_answers=plain_pairs.shared_answers(questions),
    )


def _missing_evidence(questions: Sequence[QAPair], chunks: Iterable[Chunk]) -> tuple[str, ...]:
    wanted = {PurePosixPath(evidence.source).name for question in questions for evidence in question.evidence}
    texts: dict[str, list[str]] = {}
    for chunk in chunks:
        if PurePosixPath(chunk.source).name in wanted:
            texts.setdefault(chunk.source, []).append(fold(chunk.text))
    missing = []
    for question in questions:
        for evidence in question.evidence:
            sources = [source for source in texts if same_source(source, evidence.source)]
            places = [text for source in sources for text in texts[source]]
            if not holds_quote(places, evidence_quote(evidence)):
                missing.append(question.id)
                break
    return tuple(missing)


def _parse(line: str, number: int, assistant: AssistantSettings, off_topic: Sequence[str]) -> QAPair:
    """Raises ValueError that says what is wrong with the line."""
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON ({error.msg} at character {error.pos + 1})") from error
    if not isinstance(row, dict):
        raise ValueError("not a JSON object")
    if plain_pairs.is_pair(row):
        row = plain_pairs.as_row(row, number, assistant, off_topic)
    for name in ("id", "kind", "question"):
        if name not in row:
            raise ValueError(f"the field {name!r} is missing")
    if row["kind"] not in KINDS:
        raise ValueError(f"unknown kind {row['kind']!r}; known are {', '.join(KINDS)}")
    if not isinstance(row["question"], str) or not row["question"].strip():
        raise ValueError("the question is empty")
    if not isinstance(row.get("answer", ""), str):
        raise ValueError("the answer is not a text")
    _check_lists(row)
    return QAPair.from_json(row)


def _check_lists(row: dict[str, Any]) -> None:
    keywords, evidence, history = (row.get(name, []) for name in ("keywords", "evidence", "history"))
    if not _all_texts(keywords):
        raise ValueError("keywords is not a list of texts")
    if not _all_objects(evidence, "source", "quote"):
        raise ValueError("evidence is not a list of objects with source and quote")
    if not _all_objects(history, "role", "content") or any(item["role"] not in ROLES for item in history):
        raise ValueError(f"history is not a list of objects with role ({', '.join(ROLES)}) and content")


def _all_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) and value.strip() for value in values)


def _all_objects(values: Any, *fields: str) -> bool:
    return isinstance(values, list) and all(
        isinstance(value, dict) and _all_texts([value.get(name) for name in fields]) for value in values
    )
