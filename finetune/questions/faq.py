"""Questions that a person wrote: question headings, bold questions, Q: lines, tables of questions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.units import Unit, cells, plain
from finetune.questions.passage import Candidate, Passage, one_line

METHOD = "faq"
_MARK = re.compile(r"^(?:Q\s*\d*|Question\s*\d*|\d+)\s*[:.)]\s*", re.IGNORECASE)
_ANSWER_MARK = re.compile(r"^(?:A|Answer)\s*[:.)]\s*", re.IGNORECASE)
_OPENING = re.compile(
    r"(?:what|who|whose|when|where|why|how|which|can|could|may|do|does|did|is|are|am|was|will|would|should|must|have|has|i|my|we|if|in|"
    r"to|from|at|for)\b",
    re.IGNORECASE,
)
_TABLE_ROWS = 3  # from so many on the answer is the whole table, of which no single row is evidence
_ANSWER_UNITS = 2  # how much of a longer answer counts as evidence


def questions(passage: Passage) -> Iterator[Candidate]:
    yield from _question_headings(passage)
    yield from _question_sentences(passage)
    yield from _question_rows(passage)


def _question_headings(passage: Passage) -> Iterator[Candidate]:
    asked: set[str] = set()
    for unit in passage.units:
        heading = plain(passage.section(unit))
        if heading in asked or not is_question(heading):
            continue
        asked.add(heading)
        answer = [other for other in passage.siblings(unit) if not plain(other.text).endswith("?")]
        yield from _candidate(heading, answer)


def _question_sentences(passage: Passage) -> Iterator[Candidate]:
    """`**May I …?** Yes, …` as two sentences or as one list item, and `Q:` and `A:` lines."""
    for number, unit in enumerate(passage.units):
        text = plain(unit.text)
        if unit.kind == "item" and (match := re.match(r"([^.!?]{8,140}\?)\s+(\S.{8,})", text)):
            if is_question(asked := _MARK.sub("", match.group(1))):
                yield from _candidate(asked, [unit], match.group(2))
        elif unit.kind == "sentence" and _introduces_an_answer(unit, text):
            following = passage.units[number + 1 : number + 1 + _ANSWER_UNITS]
            yield from _candidate(_MARK.sub("", text), _until_next_question(following, unit))


def _introduces_an_answer(unit: Unit, text: str) -> bool:
    marked = unit.text.lstrip().startswith(("**", "__")) or bool(_MARK.match(text))
    return marked and is_question(_MARK.sub("", text))


def _until_next_question(units: tuple[Unit, ...], asked: Unit) -> list[Unit]:
    answer: list[Unit] = []
    for unit in units:
        if plain(unit.text).endswith("?") or unit.heading != asked.heading or unit.text.startswith("**"):
            break
        answer.append(unit)
    return answer


def _question_rows(passage: Passage) -> Iterator[Candidate]:
    for unit in passage.units:
        if unit.kind != "row":
            continue
        values = cells(unit.text)
        if len(values) >= 2 and is_question(values[0]):
            yield from _candidate(values[0], [unit], values[1])


def _candidate(question: str, units: list[Unit], answer: str = "") -> Iterator[Candidate]:
    rows = sum(unit.kind == "row" for unit in units)
    units = units[:_ANSWER_UNITS]
    if units and rows < _TABLE_ROWS:
        text = answer or _ANSWER_MARK.sub("", one_line([unit.readable() for unit in units]))
        yield Candidate(question, text, tuple(unit.text for unit in units), METHOD, human=True)


def is_question(text: str) -> bool:
    """A whole question that makes sense by itself."""
    words = text.split()
    return text.endswith("?") and 4 <= len(words) <= 25 and bool(_OPENING.match(text))
