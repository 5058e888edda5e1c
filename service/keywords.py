"""What a right answer must say: the facts of a sentence that its question does not hold."""

from __future__ import annotations

import re

from finetune.questions.lexicon import CLOCK, DATE, MONEY, NUMBER, SPAN
from finetune.similarity import content_words, stem

MOST = 2
_FACT = re.compile(
    rf"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|{MONEY}|\d[\d.,]*\s?%|\b{NUMBER} (?:to {NUMBER} )?{SPAN}\b"
    rf"|{DATE}|{CLOCK}|\d+(?:[.,:/-]\d+)*"
)
_NAME = re.compile(r"(?<=[a-z,;] )[A-ZÀ-Þ][\w-]+(?: [A-ZÀ-Þ][\w-]+)*")


def keywords_of(answer: str, evidence: str, question: str) -> tuple[str, ...]:
    """Figures, dates, addresses, else a name that both the answer and its evidence hold; perhaps none.

    >>> keywords_of("You have 30 days.", "New hires have 30 days to enroll in Rippling.", "How long?")
    ('30 days',)
    """
    for pattern in (_FACT, _NAME):
        places = {match.group().strip(" .,"): match.start() for match in pattern.finditer(evidence)}
        kept = [word for word in places if _in(word, answer) and not _in(word, question)]
        if len(kept) > MOST:  # a row or a list: only what stands next to what was asked about
            kept = [min(kept, key=lambda word: _distance(places[word], evidence, question))]
        if kept:
            return tuple(kept)
    return ()


def _distance(place: int, text: str, question: str) -> int:
    """Characters from the nearest word of the question in the text; a word counts more for what follows."""
    asked = content_words(question)
    starts = [
        match.start() for match in re.finditer(r"[^\W_]+", text) if stem(match.group().lower()) in asked
    ]
    return min((max(place - start, 2 * (start - place)) for start in starts), default=2 * len(text))


def _in(word: str, text: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(word)}(?!\w)", text, re.IGNORECASE) is not None
