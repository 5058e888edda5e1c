"""What an evaluation found, as values and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from core.statistics import Interval, mean_interval
from core.types import Answer, Hit, QAPair
from eval.aggregates import Aggregate, aggregate
from eval.comparison import METRICS, PRIMARY, Comparison
from eval.metrics import Sample
from eval.questions import FileCheck, QuestionFile
from eval.wording import shown, verdict

MEASURED = (
    *METRICS, "recall_1", "recall_3", "recall_10", "evidence_read", "evidence_kept", "exact_match", "rouge_1",
    "rouge_2", "keywords_held", "numbers_held",
    # Over each arm's own answers: not the same questions.
    "quotes_verbatim", "grounded", "citation_precision", "citation_recall",
)  # fmt: skip


@dataclass(frozen=True)
class ArmResult:
    """One arm's answers and samples, in the order of the questions; an answer is None where an error came."""

    name: str
    description: str
    answers: tuple[Answer | None, ...]
    samples: tuple[Sample, ...]
    errors: Mapping[str, str] = field(default_factory=dict)  # question id -> message

    @cached_property
    def aggregate(self) -> Aggregate:
        return aggregate(self.samples)

    @cached_property
    def intervals(self) -> dict[str, Interval]:
        """Of every metric that applies to at least one sample."""
        return {metric: interval for metric in MEASURED if (interval := self._interval(metric))}

    @property
    def model(self) -> str:
        return next((answer.model for answer in self.answers if answer and answer.model), "")

    def _interval(self, metric: str) -> Interval | None:
        measured = [sample for sample in self.samples if getattr(sample, metric) is not None]
        if not measured:
            return None
        values = [float(getattr(sample, metric)) for sample in measured]
        return mean_interval(values, [sample.cluster for sample in measured])


@dataclass(frozen=True)
class EvaluationReport:
    report: Path  # the folder that holds report.json, report.md and report.html
    file: QuestionFile
    check: FileCheck
    results: tuple[ArmResult, ...]
    comparisons: Sequence[Comparison]  # with the first arm
    skipped: Mapping[str, str]  # arm -> why
    facts: Mapping[str, Any]  # when, which command, seed, index, machine

    @property
    def headline(self) -> str:
        """What a manager needs to know: a sentence for every arm that has another to be compared with."""
        first = self.results[0]
        alone = f"{first.name} gets {shown(first.aggregate.right, 'share')} of the questions right."
        return " ".join(verdict(c) for c in self.comparisons if c.metric == PRIMARY) or alone

    @property
    def verdict(self) -> str:
        """The headline, and which arms are missing."""
        missing = (f"{name} was not evaluated: {reason}" for name, reason in self.skipped.items())
        return " ".join((self.headline, *missing))

    @property
    def arms(self) -> dict[str, dict[str, Any]]:
        """Every figure of every arm."""
        return {
            result.name: {
                "model": result.model,
                "description": result.description,
                **result.aggregate.to_json(),
            }
            for result in self.results
        }

    def to_json(self) -> dict[str, Any]:
        """The result of the `evaluate` command."""
        return {
            "report": str(self.report),
            "verdict": self.verdict,
            "arms": self.arms,
            "comparisons": [comparison.to_json() for comparison in self.comparisons],
            "skipped": dict(self.skipped),
        }

    def comparison(self, arm: str, metric: str) -> Comparison | None:
        return next((c for c in self.comparisons if c.arm == arm and c.metric == metric), None)


def details(report: EvaluationReport) -> dict[str, Any]:
    """Data card, intervals, and a row a question with what each arm made of it."""
    passages: dict[str, dict[str, str]] = {}
    rows = [_row(report, place, question, passages) for place, question in enumerate(report.file.questions)]
    return {
        "facts": dict(report.facts),
        "questions": {
            "file": str(report.file.path),
            "sha256": report.file.sha256,
            "n": len(report.file.questions),
            **asdict(report.check),
            "faults": [asdict(fault) for fault in report.file.faults],
        },
        "intervals": {
            result.name: {k: asdict(i) for k, i in result.intervals.items()} for result in report.results
        },
        "rows": rows,
        "passages": passages,
    }


def _row(
    report: EvaluationReport, place: int, question: QAPair, passages: dict[str, dict[str, str]]
) -> dict[str, Any]:
    return {
        "id": question.id,
        "kind": question.kind,
        "cluster": report.results[0].samples[place].cluster,
        "question": question.question,
        "history": [asdict(message) for message in question.history],
        "reference": question.answer,
        "keywords": list(question.keywords),
        "evidence": [asdict(evidence) for evidence in question.evidence],
        "arms": {result.name: _arm_row(result, place, passages) for result in report.results},
    }


def _arm_row(result: ArmResult, place: int, passages: dict[str, dict[str, str]]) -> dict[str, Any]:
    sample, answer = result.samples[place], result.answers[place]
    shared = ("id", "kind", "cluster")
    values = {name: value for name, value in asdict(sample).items() if name not in shared}
    row = {
        name: round(value, 4) if isinstance(value, float) else value
        for name, value in values.items()
        if value is not None
    }
    if answer is None:
        return row | {"error": result.errors[sample.id]}
    return row | {
        "answer": answer.answer,
        "reason": answer.reason,
        "confidence": round(answer.confidence, 4),
        "citations": [asdict(citation) for citation in answer.citations],
        "hits": [{"passage": _passage(hit, passages), "score": round(hit.score, 4)} for hit in answer.hits],
    }


def _passage(hit: Hit, passages: dict[str, dict[str, str]]) -> str:
    """Its id; the text is kept once, however many questions found it."""
    chunk = hit.chunk
    passages[chunk.id] = {
        "source": chunk.source,
        "title": chunk.title,
        "heading": chunk.heading,
        "text": chunk.text,
    }
    return chunk.id
