"""A model that judges which of two answers is better, where one is configured.

Each pair is shown in both orders; where the judge changes its mind with the order, it is a tie (Zheng et al.
2023, section 3.4). It is told the reference answer, never which arm wrote what.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any, Literal

from core.decoding import Decoding
from core.errors import ConfigurationError, ModelError
from core.progress import Progress, silent
from core.prompts import judge_request
from core.settings import JudgeSettings, ModelSettings
from core.statistics import mean_interval
from core.support import without_marks
from core.types import Message, QAPair
from eval.agreement import folded, kappa
from eval.matching import fold
from eval.results import ArmResult

Preference = Literal[-1, 0, 1]  # the first arm is better, neither, the other arm is
Judge = Callable[[Sequence[Message]], str]

_VERDICT = re.compile(r"\b(A|B|TIE)\b")
_TOKENS = 8

_EQUAL: tuple[Preference, Preference] = (0, 0)

logger = logging.getLogger("inhouse")


def judgement(
    settings: JudgeSettings,
    results: Sequence[ArmResult],
    questions: Sequence[QAPair],
    ratings: Mapping[tuple[str, str], int],
    progress: Progress = silent,
) -> dict[str, Any]:
    """What the configured judge says of the arms. One that fails is named; the metrics stand without it."""
    try:
        compared = judged(judge_of(settings), results, questions, ratings, progress)
    except (ModelError, ConfigurationError) as error:
        return {"model": settings.model, "error": error.message}
    return {"model": settings.model, "comparisons": compared}


def judge_of(settings: JudgeSettings) -> Judge:
    """Raises ConfigurationError where the address is missing or is none."""
    from core.models.endpoint import Endpoint

    endpoint = Endpoint(
        ModelSettings(model=settings.model, base_url=settings.base_url, api_key=settings.api_key)
    )

    def ask(messages: Sequence[Message]) -> str:
        with closing(endpoint.write(tuple(messages), Decoding(max_tokens=_TOKENS))) as pieces:
            return "".join(piece.text for piece in pieces)

    return ask


def judged(
    judge: Judge,
    results: Sequence[ArmResult],
    questions: Sequence[QAPair],
    ratings: Mapping[tuple[str, str], int],
    progress: Progress = silent,
) -> list[dict[str, Any]]:
    """Every other arm against the first, over the questions that both answered with different texts; equal
    texts and equal refusals are ties without asking. Raises ModelError where the judge cannot be reached.
    """
    return [_against(judge, results[0], other, questions, ratings, progress) for other in results[1:]]


def _against(
    judge: Judge,
    first: ArmResult,
    other: ArmResult,
    questions: Sequence[QAPair],
    ratings: Mapping[tuple[str, str], int],
    progress: Progress,
) -> dict[str, Any]:
    texts = [(_text(first, place), _text(other, place)) for place in range(len(questions))]
    preferences: list[Preference] = []
    changed_mind = unreadable = 0
    for question, (one, two) in zip(questions, texts, strict=True):
        found = _EQUAL if one == two else _both_orders(judge, question, one, two)
        unreadable += found is None
        forth, back = found or _EQUAL
        changed_mind += forth != back
        preferences.append(forth if forth == back else 0)
        progress(f"judge {other.name}", len(preferences), len(questions))
    values = [0.5 + preference / 2 for preference in preferences]
    interval = mean_interval(values, [sample.cluster for sample in first.samples])
    counts = Counter(preferences)
    return {
        "base": first.name,
        "arm": other.name,
        "wins": counts[1],
        "ties": counts[0],
        "losses": counts[-1],
        "changed_mind": changed_mind,  # with the order: counted as ties
        "unreadable": unreadable,  # verdicts: ties as well
        "win_rate": round(interval.mean, 4),
        "low": None if interval.low is None else round(interval.low, 4),
        "high": None if interval.high is None else round(interval.high, 4),
        "kappa_with_metric": _rounded(kappa(preferences, _by_metric(first, other))),
        **_by_people(questions, texts, preferences, ratings),
    }


def _both_orders(judge: Judge, question: QAPair, one: str, two: str) -> tuple[Preference, Preference] | None:
    """(the preference with `one` shown first, with `two` shown first); None where a verdict is none."""
    forth = _verdict(judge(judge_request(question.question, question.answer, one, two)))
    back = _verdict(judge(judge_request(question.question, question.answer, two, one)))
    if forth is None or back is None:
        logger.warning("the judge gave no verdict on question %s", question.id)
        return None
    opposite: dict[Preference, Preference] = {-1: 1, 0: 0, 1: -1}
    return forth, opposite[back]


def _verdict(text: str) -> Preference | None:
    found = _VERDICT.search(text.upper())
    verdicts: dict[str, Preference] = {"A": -1, "TIE": 0, "B": 1}
    return verdicts[found[1]] if found else None


def _text(result: ArmResult, place: int) -> str:
    answer = result.answers[place]
    return without_marks(answer.answer).strip() if answer else ""


def _by_metric(first: ArmResult, other: ArmResult) -> list[int]:
    pairs = zip(first.samples, other.samples, strict=True)
    return [int(bool(two.right)) - int(bool(one.right)) for one, two in pairs]


def _by_people(
    questions: Sequence[QAPair],
    texts: Sequence[tuple[str, str]],
    preferences: Sequence[Preference],
    ratings: Mapping[tuple[str, str], int],
) -> dict[str, Any]:
    """Agreement with people over the pairs of which both answers are rated; nothing where there are none."""
    known = folded(_unmarked(ratings))
    both = []
    for question, (one, two), preference in zip(questions, texts, preferences, strict=True):
        asked = fold(question.question)
        if (asked, fold(one)) in known and (asked, fold(two)) in known:
            gap = known[asked, fold(two)] - known[asked, fold(one)]
            both.append((preference, (gap > 0) - (gap < 0)))
    if not both:
        return {}
    judge_says, people_say = zip(*both, strict=True)
    return {"rated_pairs": len(both), "kappa_with_people": _rounded(kappa(judge_says, people_say))}


def _unmarked(ratings: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    return {(question, without_marks(answer).strip()): n for (question, answer), n in ratings.items()}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
