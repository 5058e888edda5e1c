"""Table rows: a row's label and one of its columns, asked for the way such a column is asked for."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from finetune.questions.columns import EMPTY, REVERSE_WORDINGS, WORDINGS, YES_NO, Row, parse
from finetune.questions.lexicon import starts_with
from finetune.questions.passage import Candidate, Passage
from finetune.questions.ranges import Value, value_within

METHOD = "table"
_ROWS_PER_CHUNK = 6
_SHORTENED_SHARE = 0.6  # of the labels that can be
_ALTERNATIVES = re.compile(r"(.*?\b(?:of an?|for an?|of|for|with)\s)?([\w-]+), ([\w-]+) or ([\w-]+)")
_OPEN_END = re.compile(r" (?:at|by|for|from|in|of|on|to|with)$")
_PREPOSITION = re.compile(r" (?:at|of|from|with|in|on|for|during|between|by|when|if) ")
_VALUE_COLUMN = ("value", "values", "details", "setting", "answer", "rule", "specification", "")


def questions(passage: Passage, rng: random.Random) -> Iterator[Candidate]:
    rows = [row for unit in passage.units if unit.kind == "row" and (row := parse(unit))]
    counted = Counter((row.unit.lead, row.label.lower()) for row in rows)
    distinct = [row for row in rows if counted[row.unit.lead, row.label.lower()] == 1]
    for row in rng.sample(distinct, min(_ROWS_PER_CHUNK, len(distinct))):
        others = [other.label for other in rows if other is not row]
        columns = [
            i
            for i in range(len(row.values))
            if i != row.key and not EMPTY.match(row.values[i]) and row.kind(i)
        ]
        for column in rng.sample(columns, min(2, len(columns))):
            if asked := _ask(passage, row, column, others, rng):
                question, keyword = asked
                short = 0 < len(keyword.split()) <= 6 and not YES_NO.match(keyword)
                yield Candidate(
                    question, row.unit.readable(), (row.unit.text,), METHOD, (keyword,) if short else ()
                )


def _ask(
    passage: Passage, row: Row, column: int, others: Sequence[str], rng: random.Random
) -> tuple[str, str] | None:
    """(question, what a right answer must say); None where the row cannot be asked for."""
    kind = row.kind(column)
    if kind in REVERSE_WORDINGS:
        piece = "" if kind == "purpose" and row.key_is_no_noun else _piece(row.values[column], passage, rng)
        if piece:
            return rng.choice(REVERSE_WORDINGS[kind]).format(v=piece, k=row.names[row.key]), row.label
        if kind != "role":
            return None
    if value := value_within(row.label, rng):
        question = _in_range(row, column, value, rng)
        return (question, row.values[column]) if question else None
    label = asked_label(row.label, others, passage, rng)
    wordings = row.wordings(column)
    if not label or not wordings:
        return None
    name = _owner(passage, row, column) if kind.startswith("attribute") else row.names[column]
    if not name:
        return None
    return rng.choice(wordings).format(l=label, c=name, k=row.names[row.key]), row.values[column]


def _owner(passage: Passage, row: Row, column: int) -> str:
    """Whose attribute it is: the column's thing, or the document's where the column is `value`."""
    if row.names[column] not in _VALUE_COLUMN:
        return row.headers[column]
    topic = passage.as_topic(passage.chunk.title)
    return topic.noun if topic else ""


def _in_range(row: Row, column: int, value: Value, rng: random.Random) -> str:
    """For somebody who is inside the range; empty where the table is about neither time served nor money."""
    key, name, kind = row.names[row.key], row.names[column], row.kind(column)
    if value.unit.startswith(("year", "month")) or re.search(
        r"\b(?:years?|months?|service|seniority)\b", key
    ):
        length = str(value) if value.unit else f"{value} {'months' if 'month' in key else 'years'}"
        openings = (
            f"I have been here for {length}, ",
            f"After {length} with us, ",
            f"with {length} of service, ",
        )
        return rng.choice(openings) + (
            f"how many {name} do I get?" if kind == "count" else f"what is the {name}?"
        )
    if value.currency:
        subject = rng.choice((f"something for {value}", f"a purchase of {value}", f"an amount of {value}"))
        return rng.choice(WORDINGS["approver" if kind == "approver" else "other"]).format(l=subject, c=name)
    return ""


def asked_label(label: str, others: Sequence[str], passage: Passage, rng: random.Random) -> str:
    """The label as part of a question, shortened where that fits no other row; maybe empty."""
    text = re.sub(r"\s*\([^)]*\)", "", label).strip(" .:")
    if match := _ALTERNATIVES.fullmatch(text):
        text = (match.group(1) or "") + rng.choice(match.groups()[1:])
    text = _shortened(text, others, rng)
    words = text.split()
    if not 1 <= len(words) <= 6 or "," in text or not re.search(r"[A-Za-z]{2}|^\w\d+$", text):
        return ""
    if starts_with("no label to ask for").match(text) or _OPEN_END.search(text) or _fits(text, others):
        return ""
    is_name = len(words) > 1 and all(word[0].isupper() or not word[0].isalpha() for word in words)
    return text if is_name else passage.everyday(text)


def _shortened(text: str, others: Sequence[str], rng: random.Random) -> str:
    """Sometimes without what follows a preposition or a comma: `Pictures` of `Pictures at doors`."""
    for shorter in (_PREPOSITION.split(text)[0], text.split(", ")[0]):
        clear = len(shorter.split()) > 1 and not _fits(shorter, others)
        if shorter != text and clear and (", " in text or rng.random() < _SHORTENED_SHARE):
            return shorter
    return text


def _fits(text: str, others: Sequence[str]) -> bool:
    return any(text.lower() in other.lower() for other in others)


def _piece(value: str, passage: Passage, rng: random.Random) -> str:
    """One of the things that a cell lists."""
    pieces = [piece.strip(" .") for piece in re.split(r"[,;]|\band\b", value)]
    pieces = [piece for piece in pieces if 1 <= len(piece.split()) <= 4 and re.search(r"[a-z]{3}", piece)]
    pieces = [
        piece
        for piece in pieces
        if not re.fullmatch(r"questions?|others?|general|everything|anything.*|problems?|all.*", piece, re.I)
    ]
    return passage.everyday(rng.choice(pieces)) if pieces else ""
