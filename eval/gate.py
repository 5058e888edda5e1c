"""Did an arm get worse? What `--gate` decides, from a report that compares it with how it was.

A regression is a clear drop by the paired comparison; of a metric with a tolerance, a drop of more points
than that. The metrics are not corrected for their number: a gate should rather stop once too often.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import InvalidInputError
from eval.comparison import METRICS, PRIMARY, Comparison, compare
from eval.figures import pairs
from eval.metrics import Sample
from eval.results import EvaluationReport
from eval.wording import points, shown

# All are shares of which more is better.
GATED = {
    PRIMARY: "questions right",
    "answered": "answered of what it should answer",
    "declined": "declined of what it should decline",
    "quotes_verbatim": "quotes verbatim",
}
TOLERABLE = tuple(dict.fromkeys((*GATED, *METRICS)))


@dataclass(frozen=True, slots=True)
class Gate:
    """`reasons`: a sentence for every regression; `warnings`: what could not be told."""

    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    checks: tuple[Comparison, ...]

    @property
    def passed(self) -> bool:
        return not self.reasons

    @property
    def sentence(self) -> str:
        result = "The gate is passed: nothing is clearly worse." if self.passed else "The gate is not passed:"
        return " ".join((result, *self.reasons, *self.warnings))

    def to_json(self) -> dict[str, Any]:
        return {
            "passed": self.passed,
            "sentence": self.sentence,
            "reasons": list(self.reasons),
            "warnings": list(self.warnings),
            "checks": [check.to_json() for check in self.checks],
        }


def judge(
    report: EvaluationReport, tolerances: Mapping[str, float], missing: Mapping[str, str] | None = None
) -> Gate:
    """Every compared arm of the report against its counterpart.

    `tolerances`: metric -> the greatest drop that passes, as a share. `missing`: arm that was to be judged ->
    why it could not be evaluated, which is a regression. Raises InvalidInputError where the
    primary metric can be judged neither by an interval nor by a tolerance, or says nothing of answers.
    """
    samples = {result.name: result.samples for result in report.results}
    reasons = [f"{arm} could not be evaluated: {why}" for arm, why in (missing or {}).items()]
    warnings, checks = [], []
    for base, arm in pairs(report):
        if not tolerances and _tells_no_right_answer(samples[arm]):
            raise InvalidInputError(
                f"The gate cannot judge {PRIMARY}: no question that is to be answered holds keywords. Say "
                "what decides instead, and how many points of it may be lost: --tolerance token_f1=5."
            )
        for metric in dict.fromkeys((*GATED, *tolerances)):
            check = compare(samples[base], samples[arm], metric, names=(base, arm))
            if check is None:
                continue
            checks.append(check)
            if reason := _regression(check, tolerances.get(metric)):
                reasons.append(reason)
            elif check.verdict == "too few documents" and metric not in tolerances:
                warnings.append(_undecided(check))
    if not checks:
        raise InvalidInputError("The gate has nothing to judge: the arms share no question that is measured.")
    return Gate(tuple(reasons), tuple(warnings), tuple(checks))


def _tells_no_right_answer(samples: Sequence[Sample]) -> bool:
    answerable = [sample for sample in samples if sample.answered is not None]
    return bool(answerable) and all(sample.correct is None for sample in answerable)


def _regression(check: Comparison, allowed: float | None) -> str:
    """Why the comparison is a regression; empty where it is none."""
    lost = check.difference < -allowed - 1e-9 if allowed is not None else check.verdict == "worse"
    if not lost:
        return ""
    change = f"{shown(check.arm_value, 'share')} instead of {shown(check.base_value, 'share')}"
    what = f"{check.arm}, {GATED.get(check.metric, check.metric)}: {change}"
    if allowed is not None:
        return f"{what} ({points(check.difference)} points, where {allowed * 100:g} may be lost)."
    span = f"95% interval {points(check.low)} to {points(check.high)}"
    return f"{what} ({points(check.difference)} points, {span}), which is clearly worse."


def _undecided(check: Comparison) -> str:
    """Raises InvalidInputError for the primary metric: a gate that cannot fail is none."""
    told = f"{check.n} questions on {check.clusters} documents are too few for an interval"
    if check.metric == PRIMARY:
        raise InvalidInputError(
            f"The gate cannot judge {PRIMARY}: {told}. Say how many points may be lost: "
            f"--tolerance {PRIMARY}=5."
        )
    return f"Not judged: {GATED[check.metric]}; {told}."
