"""Misspelt words of a question, mended by the words of the indexed documents before anything is searched for.

Only words that neither the documents nor the embedding model know are touched, nor those that a usual ending
makes of known ones: "babysitter" and "joiner" are no misspellings although no document holds them, "maternty"
and "Quelmark" are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

_SHORTEST = 4  # letters: shorter words have too many neighbours
_LONG = 9  # letters from which on two slips are allowed
_FEWEST_CHUNKS = 2  # that hold the right word: what only one holds may be misspelt there
_ENDINGS = re.compile(r"(?<=.{3})(?:ers?|ors?|ings?|ed|ly|able|ness|ments?|less|ful|ish|ists?)$")
_WORD = re.compile(r"[^\W\d_]+")


class Vocabulary(Protocol):
    """What spelling needs of `core.index.vocabulary.Vocabulary`."""

    def holds(self, word: str) -> bool: ...

    def beginning(self, prefix: str) -> list[tuple[str, int]]: ...

    def count(self, word: str) -> int: ...


def mended(question: str, vocabulary: Vocabulary, is_word: Callable[[str], bool]) -> str:
    """The question with each misspelt word replaced by the likeliest one of the documents.

    `is_word` knows the words of the language. A slip is a letter too many, too few, wrong or swapped.
    """

    def known(word: str) -> bool:
        return is_word(word) or vocabulary.holds(word)

    def mend(match: re.Match[str]) -> str:
        word = match.group().lower()
        if len(word) < _SHORTEST or known(word) or _is_derived(word, known):
            return match.group()
        return _nearest(word, vocabulary) or match.group()

    return _WORD.sub(mend, question)


def _is_derived(word: str, known: Callable[[str], bool]) -> bool:
    """True for a known word with a usual ending: join-er, cod-er of code, plan-n-ing."""
    if not (ending := _ENDINGS.search(word)):
        return False
    stem = word[: ending.start()]
    undoubled = stem[:-1] if stem[-1] == stem[-2] else stem
    return known(stem) or known(undoubled) or known(f"{stem}e")


def _nearest(word: str, vocabulary: Vocabulary) -> str | None:
    """The word with the fewest slips, of these the one that most chunks hold; the first letter is right."""
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    frequent = [
        other
        for other, chunks in vocabulary.beginning(word[0])
        if chunks >= _FEWEST_CHUNKS and other.isalpha()
    ]
    slips = 2 if len(word) >= _LONG else 1
    near = process.extract(word, frequent, scorer=OSA.distance, score_cutoff=slips, limit=None)
    counts = {other: vocabulary.count(other) for other, _, _ in near}
    seen = [match for match in near if counts[match[0]] >= _FEWEST_CHUNKS]
    return min(seen, key=lambda match: (match[1], -counts[match[0]]))[0] if seen else None
