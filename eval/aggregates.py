"""What an arm's answers are worth together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from eval.faults import FAULTS
from eval.metrics import OUTCOMES, Sample, mean
from eval.questions import KINDS, REFUSAL_KINDS
from eval.refusals import by_class, calibration, confusion, risk_coverage

Quantiles = dict[str, float | None]  # p50, p95


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Means over the samples to which a measure applies; None where it applies to none. A field that is
    named as one of Sample is the mean of it.
    """

    n: int
    errors: int
    right: float | None
    correct: float | None
    answered: float | None
    over_refusal: float | None  # share of the questions to be answered that were declined
    refused_right: float | None
    wrongly_answered: float | None  # share of the questions to be declined that were answered
    recall: float | None
    recall_1: float | None
    recall_3: float | None
    recall_10: float | None
    mrr: float | None
    ndcg: float | None
    evidence_read: float | None
    evidence_kept: float | None
    cited_right: float | None
    citation_precision: float | None
    citation_recall: float | None
    quotes_verbatim: float | None
    grounded: float | None
    exact_match: float | None
    token_f1: float | None
    rouge_1: float | None
    rouge_2: float | None
    rouge_l: float | None
    keywords_held: float | None
    numbers_held: float | None
    similarity: float | None
    latency_ms: Quantiles
    stages_ms: dict[str, Quantiles]  # latency by stage
    words: Quantiles
    tokens: dict[str, Quantiles]  # prompt and completion; a reader's are words
    by_kind: dict[str, dict[str, float | int | None]]
    confusion: dict[str, dict[str, int]]  # expected -> got -> questions
    refusals: dict[str, dict[str, float | int | None]]  # class -> n, got, precision, recall, f1
    risk_coverage: dict[str, Any] | None  # aurc, answered, points
    calibration: dict[str, Any] | None  # ece, brier, n, bins
    outcomes: dict[str, int]
    faults: dict[str, int]  # of the texts of answers
    faulty: float | None  # share of the answers whose text has one

    def to_json(self) -> dict[str, Any]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {k: round(value, 4) if isinstance(value, float) else value for k, value in values.items()}


_MEANS = (
    "right", "correct", "answered", "refused_right", "recall", "recall_1", "recall_3", "recall_10", "ndcg",
    "evidence_read", "evidence_kept", "cited_right", "citation_precision", "citation_recall",
    "quotes_verbatim", "grounded", "exact_match", "token_f1", "rouge_1", "rouge_2", "rouge_l",
    "keywords_held", "numbers_held", "similarity",
)  # fmt: skip


def aggregate(samples: Sequence[Sample]) -> Aggregate:
    means = {name: mean(getattr(sample, name) for sample in samples) for name in _MEANS}
    answered = means["answered"]
    refusals = [sample for sample in samples if sample.kind in REFUSAL_KINDS]
    answers = [sample for sample in samples if sample.answer_type == "answer"]
    faults = Counter(fault for sample in answers for fault in sample.faults)
    return Aggregate(
        **means,
        n=len(samples),
        errors=sum(sample.outcome == "error" for sample in samples),
        over_refusal=None if answered is None else 1 - answered,
        wrongly_answered=mean(sample.answer_type == "answer" for sample in refusals),
        mrr=mean(sample.reciprocal_rank for sample in samples),
        latency_ms=_quantiles([sample.latency_ms for sample in samples]),
        stages_ms=_stages(samples),
        words=_quantiles([sample.words for sample in samples if sample.words is not None]),
        tokens=_tokens(samples),
        by_kind={kind: _kind([s for s in samples if s.kind == kind]) for kind in _kinds(samples)},
        confusion=confusion(samples),
        refusals=by_class(samples),
        risk_coverage=risk_coverage(samples),
        calibration=calibration(samples),
        outcomes={name: n for name in OUTCOMES if (n := sum(sample.outcome == name for sample in samples))},
        faults={name: faults[name] for name in FAULTS if faults[name]},
        faulty=mean(bool(sample.faults) for sample in answers),
    )


def _stages(samples: Sequence[Sample]) -> dict[str, Quantiles]:
    """Of the questions that went through a stage, in the order of the path."""
    names = dict.fromkeys(
        name for sample in sorted(samples, key=lambda s: -len(s.timings_ms)) for name in sample.timings_ms
    )
    return {name: _quantiles([s.timings_ms[name] for s in samples if name in s.timings_ms]) for name in names}


def _tokens(samples: Sequence[Sample]) -> dict[str, Quantiles]:
    counts = {
        "prompt": [s.prompt_tokens for s in samples if s.prompt_tokens is not None],
        "completion": [s.completion_tokens for s in samples if s.completion_tokens is not None],
    }
    return {name: _quantiles(values) for name, values in counts.items() if values}


def _kinds(samples: Sequence[Sample]) -> list[str]:
    present = {sample.kind for sample in samples}
    return [kind for kind in KINDS if kind in present]


def _kind(samples: Sequence[Sample]) -> dict[str, float | int | None]:
    names: Mapping[str, Callable[[Sample], float | None]] = {
        "right": lambda s: s.right,
        "answered": lambda s: s.answer_type == "answer",
        "recall": lambda s: s.recall,
        "mrr": lambda s: s.reciprocal_rank,
        "cited_right": lambda s: s.cited_right,
    }
    means = {name: mean(map(of, samples)) for name, of in names.items()}
    return {"n": len(samples)} | {name: round(value, 4) for name, value in means.items() if value is not None}


def _quantiles(values: Sequence[float]) -> dict[str, float | None]:
    """Nearest rank: a value that occurred."""
    ordered = sorted(values)
    if not ordered:
        return {"p50": None, "p95": None}
    return {
        f"p{percent}": round(ordered[min(len(ordered) - 1, percent * len(ordered) // 100)], 1)
        for percent in (50, 95)
    }
