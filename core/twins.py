"""Near-duplicate passages among the hits of a question: kept once for ranking, so that copies of a page do
not fill the first places, and remembered, so that an answer can name every source that says the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from core.types import Chunk, Hit

_ALIKE = 0.9  # share of the words of both that both hold (Jaccard)
_COMPARED = 40  # hits, beyond which a copy stands in nobody's way
_WORD = re.compile(r"\w+")


def merge_twins(hits: Sequence[Hit]) -> list[Hit]:
    """The hits in their order, each of the first without the worse ones of nearly its words: its twins.

    Where a number or a name differs, as between two countries' rules, they are no twins.
    """
    kept: list[tuple[Hit, frozenset[str], list[Chunk]]] = []
    for hit in hits[:_COMPARED]:
        words = frozenset(_WORD.findall(hit.chunk.text.lower()))
        fewest, most = _ALIKE * len(words), len(words) / _ALIKE
        twins = next(
            (
                twins
                for other, other_words, twins in kept
                if fewest <= len(other_words) <= most
                and _alike(words, other_words)
                and _telling(hit.chunk.text) == _telling(other.chunk.text)
            ),
            None,
        )
        if twins is None:
            kept.append((hit, words, []))
        else:
            twins.append(hit.chunk)
    return [replace(hit, twins=tuple(twins)) if twins else hit for hit, _, twins in kept] + list(
        hits[_COMPARED:]
    )


def _telling(text: str) -> set[str]:
    """Its numbers, names and words at the beginning of sentences."""
    return {word.lower() for word in _WORD.findall(text) if not word.islower()}


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    common = len(one & other)
    return common > 0 and common >= _ALIKE * (len(one) + len(other) - common)
