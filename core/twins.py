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
    kept: list[tuple[Hit, frozenset[str], frozenset[str], list[Chunk]]] = []
    for hit in hits[:_COMPARED]:
        found = _WORD.findall(hit.chunk.text)
        words = frozenset(word.lower() for word in found)
        telling = frozenset(word.lower() for word in found if not word.islower())
        twin_of = next(
            (twins for _, other, told, twins in kept if telling == told and _alike(words, other)),
            None,
        )
        if twin_of is None:
            kept.append((hit, words, telling, []))
        else:
            twin_of.append(hit.chunk)
    return [replace(hit, twins=tuple(twins)) if twins else hit for hit, _, _, twins in kept] + list(
        hits[_COMPARED:]
    )


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    if not one or min(len(one), len(other)) < _ALIKE * max(len(one), len(other)):
        return False
    common = len(one & other)
    return common >= _ALIKE * (len(one) + len(other) - common)
