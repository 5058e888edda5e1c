"""Is one arm better than another on the same questions? Paired, and clustered by document.

Documents are resampled, not questions: `core/statistics.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from statistics import NormalDist
from typing import Any, Literal

import numpy as np

from core.statistics import LEVEL, SEED, Interval, mean_interval, sign_flip_p_value
from eval.metrics import Sample

POWER = 0.8
PRIMARY = "right"  # the one metric that decides; the others explain
METRICS = (
    PRIMARY, "correct", "refused_right", "answered", "recall", "reciprocal_rank", "ndcg", "cited_right",
    "token_f1", "rouge_l", "similarity",
)  # fmt: skip
SURE_ONE_SIDED_CHANGES = 6  # a sign test needs six changes, all one way, for p < 0.05 (2 x 0.5^6 = 0.031)

Verdict = Literal["better", "worse", "no clear difference", "too few documents"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`arm` minus `base` in one metric, over the questions to which it applies in both."""

    base: str
    arm: str
    metric: str
    n: int
    clusters: int
    base_value: float
    arm_value: float
    difference: float
    low: float | None
    high: float | None
    p_value: float  # two-sided sign-flip test over clusters; PRIMARY's is Holm-corrected over the arms
    wins: int  # questions where `arm` is better
    ties: int
    losses: int
    smallest_detectable: float | None  # true difference that this sample would show with 80% power
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        return {
            k: round(value, 4) if isinstance(value, float) else value for k, value in asdict(self).items()
        }


def compare_arms(arms: dict[str, Sequence[Sample]], *, seed: int = SEED) -> list[Comparison]:
    """Every other arm against the first, in every metric that applies. Samples stand in the same order."""
    base, *others = arms
    comparisons = []
    for arm in others:
        for metric in METRICS:
            comparison = compare(arms[base], arms[arm], metric, names=(base, arm), seed=seed)
            if comparison is not None:
                comparisons.append(comparison)
    return correct_for_arms(comparisons)


def compare(
    base: Sequence[Sample],
    other: Sequence[Sample],
    metric: str,
    *,
    names: tuple[str, str] = ("base", "tuned"),
    seed: int = SEED,
) -> Comparison | None:
    """None where the metric applies to no question in both arms. ValueError where the questions differ."""
    if [sample.id for sample in base] != [sample.id for sample in other]:
        raise ValueError(f"{names[0]} and {names[1]} did not answer the same questions in the same order")
    pairs = [
        (one.cluster, float(before), float(after))
        for one, two in zip(base, other, strict=True)
        if (before := getattr(one, metric)) is not None and (after := getattr(two, metric)) is not None
    ]
    if not pairs:
        return None
    clusters = [cluster for cluster, _, _ in pairs]
    before, after = (np.array([pair[place] for pair in pairs]) for place in (1, 2))
    difference = after - before
    interval = mean_interval(difference, clusters, seed=seed)
    p_value = sign_flip_p_value(difference, clusters, seed=seed)
    binary = bool(np.isin(np.concatenate([before, after]), (0.0, 1.0)).all())
    return Comparison(
        base=names[0],
        arm=names[1],
        metric=metric,
        n=len(pairs),
        clusters=len(set(clusters)),
        base_value=float(before.mean()),
        arm_value=float(after.mean()),
        difference=interval.mean,
        low=interval.low,
        high=interval.high,
        p_value=p_value,
        wins=int((difference > 0).sum()),
        ties=int((difference == 0).sum()),
        losses=int((difference < 0).sum()),
        smallest_detectable=_smallest_detectable(interval.standard_error, len(pairs), binary),
        verdict=_verdict(interval, p_value),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction for several tests (1979)."""
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for step, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, p_values[place] * (len(p_values) - step)))
        corrected[place] = highest
    return corrected


def correct_for_arms(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Holm's correction of the primary metric's p-values, for the number of arms that are compared."""
    primary = [comparison for comparison in comparisons if comparison.metric == PRIMARY]
    corrected = dict(zip((c.arm for c in primary), holm([c.p_value for c in primary]), strict=True))
    return [
        replace(c, p_value=corrected[c.arm], verdict=_verdict(c, corrected[c.arm]))
        if c.metric == PRIMARY
        else c
        for c in comparisons
    ]


def _verdict(interval: Interval | Comparison, p_value: float) -> Verdict:
    """Both must agree: with few changed questions the bootstrap alone is too bold."""
    if interval.low is None or interval.high is None:
        return "too few documents"
    if p_value < 1 - LEVEL and interval.low > 0:
        return "better"
    if p_value < 1 - LEVEL and interval.high < 0:
        return "worse"
    return "no clear difference"


def _smallest_detectable(standard_error: float | None, n: int, binary: bool) -> float | None:
    """(z.975 + z.80) standard errors; of yes-no metrics at least as many changes as a sign test needs."""
    if standard_error is None:
        return None
    normal = NormalDist()
    effect = (normal.inv_cdf((1 + LEVEL) / 2) + normal.inv_cdf(POWER)) * standard_error
    return max(effect, SURE_ONE_SIDED_CHANGES / n) if binary else effect
