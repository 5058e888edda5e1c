"""Whether two ways of judging say the same: Cohen's kappa (1960), and people's ratings of logged answers."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from core.types import QAPair
from eval.matching import fold
from eval.results import ArmResult

Ratings = Mapping[tuple[str, str], int]  # (question, answer) as logged -> 1 or -1


def kappa(one: Sequence[Hashable], other: Sequence[Hashable]) -> float | None:
    """Agreement beyond chance, 1 at most; None without judgements, or where both always say one and the
    same.
    """
    if not one:
        return None
    n = len(one)
    observed = sum(a == b for a, b in zip(one, other, strict=True)) / n
    chance = sum(
        (list(one).count(label) / n) * (list(other).count(label) / n) for label in set(one) | set(other)
    )
    return (observed - chance) / (1 - chance) if chance < 1 else None


def folded(ratings: Ratings) -> dict[tuple[str, str], int]:
    return {(fold(question), fold(answer)): rating for (question, answer), rating in ratings.items()}


def with_ratings(
    results: Sequence[ArmResult], questions: Sequence[QAPair], ratings: Ratings
) -> dict[str, Any] | None:
    """What people said of an answer against whether it counts as right, over the arms' answers that somebody
    has rated word for word; None where there are none.
    """
    known = folded(ratings)
    judged = {
        (fold(question.question), fold(answer.answer)): bool(sample.right)
        for result in results
        for question, answer, sample in zip(questions, result.answers, result.samples, strict=True)
        if answer is not None and sample.right is not None
    }
    both = [(known[key] > 0, right) for key, right in judged.items() if key in known]
    if not both:
        return None
    people, counted = zip(*both, strict=True)
    agreement = kappa(people, counted)
    return {
        "rated_answers": len(both),
        "agree": round(sum(a == b for a, b in both) / len(both), 4),
        "kappa": None if agreement is None else round(agreement, 4),
    }
