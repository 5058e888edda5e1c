"""Questions that are nearly the same: inside a file, and between it and what an adapter has learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.followup import standalone
from core.interfaces import Embedder, FloatMatrix
from core.support import numbers
from core.types import QAPair
from eval.matching import fold

NEAR = 0.9  # cosine of two questions by MiniLM from which on they ask the same, if their numbers agree
_ROWS = 512  # questions compared at a time


@dataclass(frozen=True, slots=True)
class Overlap:
    """The file against the pairs that one adapter has learned from."""

    data: str  # what was learned from, and by whom
    learned: int  # questions; 0: not known
    exact: tuple[str, ...]  # ids of the questions that were learned word for word
    near: tuple[tuple[str, str], ...]  # (id, the nearly same question that was learned)


def near_duplicates(questions: Sequence[QAPair], embedder: Embedder) -> tuple[tuple[str, str], ...]:
    """(id of the earlier, id of the later) question, without those that are the same word for word."""
    asked = [_asked(question) for question in questions]
    vectors = embedder.embed(asked)
    pairs = []
    for later, earlier in _near(vectors, vectors):
        same = fold(asked[later]) == fold(asked[earlier])
        if earlier < later and not same and numbers(asked[earlier]) == numbers(asked[later]):
            pairs.append((questions[earlier].id, questions[later].id))
    return tuple(pairs)


def overlaps(
    questions: Sequence[QAPair], learned: Mapping[str, Sequence[QAPair]], embedder: Embedder
) -> tuple[Overlap, ...]:
    """`learned`: pairs by the name of the data."""
    vectors = embedder.embed([_asked(question) for question in questions]) if learned else None
    return tuple(
        _overlap(name, questions, pairs, vectors, embedder)
        for name, pairs in learned.items()
        if vectors is not None
    )


def _overlap(
    name: str,
    questions: Sequence[QAPair],
    pairs: Sequence[QAPair],
    vectors: FloatMatrix,
    embedder: Embedder,
) -> Overlap:
    if not pairs:
        return Overlap(name, 0, (), ())
    known = [_asked(pair) for pair in pairs]
    folded = {fold(text) for text in known}
    exact = {question.id for question in questions if fold(_asked(question)) in folded}
    near: dict[str, str] = {}
    for place, other in _near(vectors, embedder.embed(known)):
        question = questions[place]
        alike = numbers(_asked(question)) == numbers(known[other])
        if question.id not in exact and alike:
            near.setdefault(question.id, known[other])
    return Overlap(name, len(pairs), tuple(sorted(exact)), tuple(near.items()))


def _near(one: FloatMatrix, other: FloatMatrix) -> list[tuple[int, int]]:
    """Places (row, column) whose cosine reaches NEAR, the most similar column of a row first."""
    found = []
    for start in range(0, len(one), _ROWS):
        cosines = one[start : start + _ROWS] @ other.T
        rows, columns = np.nonzero(cosines >= NEAR)
        order = np.lexsort((-cosines[rows, columns], rows))
        found += [(start + int(rows[place]), int(columns[place])) for place in order]
    return found


def _asked(question: QAPair) -> str:
    return standalone(question.question, question.history)
