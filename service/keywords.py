"""What a right answer must say: the facts of a sentence that its question does not hold."""

from __future__ import annotations

import re

from finetune.questions.lexicon import CLOCK, DATE, MONEY, NUMBER, SPAN

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
        found = [match.strip(" .,") for match in pattern.findall(evidence)]
        kept = [word for word in dict.fromkeys(found) if _in(word, answer) and not _in(word, question)]
        if kept:
            return tuple(kept[:MOST])
    return ()


def _in(word: str, text: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(word)}(?!\w)", text, re.IGNORECASE) is not None
