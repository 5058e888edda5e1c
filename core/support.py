"""Which units of the passages bear out a text that a model wrote freely.

Judged by words, cheaply and strictly: most of a sentence's words, all of its numbers and its negations have
to stand in the unit, or the two units, that it rests on. What cannot be borne out is not shown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.index.lexical import STOP_WORDS
from core.interfaces import Reading, ScoredUnit
from core.reading import fold
from core.units import split_sentences

SUPPORT = 0.6  # share of a sentence's words that its units must hold
_MARK = re.compile(r"\s*\[\d{1,3}(?:\s*,\s*\d{1,3})*\]")
_NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*")
# Without `one`, which is mostly a pronoun.
_NUMBER_WORDS = {
    "zero": "0", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14",
    "fifteen": "15", "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19", "twenty": "20",
    "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80",
    "ninety": "90", "hundred": "100", "thousand": "1000", "half": "half", "twice": "twice",
}  # fmt: skip
_NEGATION = re.compile(
    r"\b(?:no|not|never|none|nobody|nothing|nowhere|neither|nor|without|cannot|except|hardly|\w+n['’]t|"
    r"nicht|kein\w{0,2}|nie|niemals|ohne|ne|pas|jamais|sans)\b",
    re.IGNORECASE,
)
_CLAUSE_END = re.compile(r"[,;:()–—]|\b(?:but|however|although|while|whereas|aber|mais)\b", re.IGNORECASE)
_OPPOSITE_PREFIXES = ("un", "non", "in", "im", "dis")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a text, without the marks that the model wrote, and the units that bear it out."""

    text: str
    units: tuple[ScoredUnit, ...]


class Beginning:
    """Follows a text while it is written: its sentences up to the first one that no unit bears out."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._units: dict[str, tuple[ScoredUnit, ...]] = {}  # of the sentences seen
        self.over = False  # what follows is not shown, whatever it is

    def of(self, text: str, *, ended: bool) -> list[Sentence]:
        """Those of `text`, which is longer each time. Until it has ended, the last sentence may still become
        another one.
        """
        parts = sentences_of(text)
        kept: list[Sentence] = []
        for part in parts if ended else parts[:-1]:
            if not _content(part):
                continue
            if part not in self._units:
                self._units[part] = _units_of(part, self._reading)
            if not self._units[part]:
                self.over = True
                break
            kept.append(Sentence(part, self._units[part]))
        return kept


def without_marks(text: str) -> str:
    """Without the numbers of passages, `[2]`."""
    return _MARK.sub("", text)


def sentences_of(text: str) -> list[str]:
    """The sentences without citation marks; what holds no letter or digit is none."""
    bare = without_marks(text)
    return [part for line in bare.splitlines() for part in split_sentences(line) if re.search(r"\w", part)]


def verbatim_units(text: str, reading: Reading) -> list[Sentence] | None:
    """The sentences of a text of whole units, word for word; None where one is none, or nothing is said."""
    by_text: dict[str, ScoredUnit] = {}
    for scored in reversed(reading.units):  # the best comes last and stays
        by_text[fold(scored.unit.readable())] = scored
        by_text[fold(scored.unit.in_context())] = scored
    found: list[Sentence] = []
    for line in _MARK.sub("\n", text).splitlines():
        if (whole := by_text.get(fold(line))) is not None:  # a row or item may hold several sentences
            found.append(Sentence(line.strip(), (whole,)))
            continue
        for part in split_sentences(line):
            if (whole := by_text.get(fold(part))) is not None:
                found.append(Sentence(part, (whole,)))
            elif re.search(r"\w", part):
                return None
    return found or None


def numbers(text: str) -> set[str]:
    """The numbers of a text, written in digits or as words, without separators of thousands."""
    found = {re.sub(r"[.,](?=\d{3}(?:\D|$))", "", number) for number in _NUMBER.findall(text)}
    return found | {_NUMBER_WORDS[word] for word in fold(text).split() if word in _NUMBER_WORDS}


def flips(sentence: str, support: str) -> bool:
    """True where one of them denies what the other says, as far as words tell."""
    denied = bool(_NEGATION.search(sentence))
    if denied and not _NEGATION.search(support):
        return True
    words, others = _content(sentence), _content(support)
    if not denied and any(
        len(said & words) * 2 >= len(said)
        for clause in _CLAUSE_END.split(support)
        if clause and _NEGATION.search(clause) and (said := _content(_NEGATION.sub(" ", clause)))
    ):
        return True
    return _opposed(words, others) or _opposed(others, words)


def _opposed(words: set[str], others: set[str]) -> bool:
    """A word of one text stands in the other only with the prefix that turns it round: paid, unpaid."""
    return any(
        f"{prefix}{word}" in others and f"{prefix}{word}" not in words
        for word in words - others
        if len(word) > 3
        for prefix in _OPPOSITE_PREFIXES
    )


def _units_of(sentence: str, reading: Reading) -> tuple[ScoredUnit, ...]:
    """The unit that holds most of the sentence's words, with a second one where it takes two."""
    words, wanted = _content(sentence), numbers(sentence)
    texts = [scored.unit.in_context() for scored in reading.units]
    held = [words & set(fold(text).split()) for text in texts]
    order = sorted(range(len(texts)), key=lambda number: (-len(held[number]), number))

    def bears_out(*chosen: int) -> bool:
        share = len(set().union(*(held[number] for number in chosen))) / len(words)
        said = set().union(*(numbers(texts[number]) for number in chosen))
        # Of two units each has to agree: one must not lend its denial to what the other says.
        agree = not any(flips(sentence, texts[number]) for number in chosen)
        return share >= SUPPORT and wanted <= said and agree

    for first in order[:3]:
        if held[first] and bears_out(first):
            return (reading.units[first],)
    for first in order[:2]:
        for second in sorted(order, key=lambda number: -len(held[number] - held[first]))[:3]:
            if second != first and held[second] - held[first] and bears_out(first, second):
                return (reading.units[first], reading.units[second])
    return ()


def _content(text: str) -> set[str]:
    return {
        word for word in fold(text).split() if word.isdigit() or (word not in STOP_WORDS and len(word) > 1)
    }


def cited(sentences: Sequence[Sentence]) -> tuple[str, tuple[ScoredUnit, ...]]:
    """The sentences with marks that name the units, numbered as they appear, and those units."""
    quotes: list[ScoredUnit] = []
    parts = []
    for sentence in sentences:
        for unit in sentence.units:
            if unit not in quotes:
                quotes.append(unit)
        marks = "".join(f"[{quotes.index(unit) + 1}]" for unit in sentence.units)
        parts.append(f"{sentence.text} {marks}".rstrip())
    return " ".join(parts), tuple(quotes)
