"""The lines that every form of the report shows: figures, differences and notes, as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.statistics import Interval
from eval.aggregates import Aggregate
from eval.comparison import PRIMARY, Comparison
from eval.findings import checked, cost, kept, quality, some, standings
from eval.results import EvaluationReport
from eval.wording import NOTHING, changes, points, shown


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of a table: field `name` of an Aggregate; with `metric`, a field of Sample, come intervals.

    The page folds what is not `first`.
    """

    label: str
    name: str
    metric: str = ""
    unit: Literal["share", "score", "ms", "words"] = "share"

    @property
    def first(self) -> bool:
        return self.name in FIRST


FIGURES = (
    Figure("All questions right", "right", "right"),
    Figure("Answers correct", "correct", "correct"),
    Figure("Declined rightly", "refused_right", "refused_right"),
    Figure("Answered when it should", "answered", "answered"),
    Figure("Answered when it should decline", "wrongly_answered"),
    Figure("Recall@5 of the evidence", "recall", "recall"),
    Figure("Recall@1", "recall_1", "recall_1"),
    Figure("Recall@3", "recall_3", "recall_3"),
    Figure("Recall@10", "recall_10", "recall_10"),
    Figure("MRR of the evidence", "mrr", "reciprocal_rank", "score"),
    Figure("nDCG@10 of the evidence", "ndcg", "ndcg", "score"),
    Figure("Evidence that the reader read", "evidence_read", "evidence_read"),
    Figure("Evidence that it kept", "evidence_kept", "evidence_kept"),
    Figure("Cites the right document", "cited_right", "cited_right"),
    Figure("Citations that are evidence", "citation_precision", "citation_precision"),
    Figure("Evidence that is cited", "citation_recall", "citation_recall"),
    Figure("Quotes verbatim", "quotes_verbatim", "quotes_verbatim"),
    Figure("Sentences that passages bear out", "grounded", "grounded"),
    Figure("Answers whose text has a fault", "faulty"),
    Figure("Exact match with the reference", "exact_match", "exact_match"),
    Figure("Token F1 with the reference", "token_f1", "token_f1", "score"),
    Figure("ROUGE-1 with the reference", "rouge_1", "rouge_1", "score"),
    Figure("ROUGE-2 with the reference", "rouge_2", "rouge_2", "score"),
    Figure("ROUGE-L with the reference", "rouge_l", "rouge_l", "score"),
    Figure("Similarity to the reference", "similarity", "similarity", "score"),
    Figure("Keywords said", "keywords_held", "keywords_held"),
    Figure("Numbers of the reference said", "numbers_held", "numbers_held"),
    Figure("Latency, p50 / p95", "latency_ms", "", "ms"),
    Figure("Words of an answer, p50 / p95", "words", "", "words"),
)
FIRST = (
    "right", "correct", "refused_right", "answered", "wrongly_answered", "recall", "mrr", "cited_right",
    "quotes_verbatim", "grounded", "token_f1", "latency_ms",
)  # fmt: skip
MOST_ERRORS = 10  # shown of an arm; report.json has all


@dataclass(frozen=True, slots=True)
class TableRow:
    """A figure as text: one value an arm, and the difference of every arm but the first, with its verdict."""

    label: str
    values: tuple[str, ...]
    intervals: tuple[str, ...]
    differences: tuple[str, ...]
    difference_intervals: tuple[str, ...]
    verdicts: tuple[str, ...]
    first: bool = True


@dataclass(frozen=True, slots=True)
class Change:
    """A question that ends otherwise in `arm` than in the arm that it is compared with."""

    id: str
    question: str
    arm: str
    before: str  # outcome
    after: str


def pairs(report: EvaluationReport) -> list[tuple[str, str]]:
    """Which arm is compared with which: (the one it is measured by, the arm)."""
    return list(dict.fromkeys((comparison.base, comparison.arm) for comparison in report.comparisons))


def changed(report: EvaluationReport) -> list[Change]:
    """What was right and is not any more comes first, then what is right now, then the rest."""
    samples = {result.name: result.samples for result in report.results}
    found = [
        Change(question.id, question.question, arm, one.outcome, other.outcome)
        for base, arm in pairs(report)
        for question, one, other in zip(report.file.questions, samples[base], samples[arm], strict=True)
        if one.outcome != other.outcome
    ]
    return sorted(found, key=lambda change: (change.before != "right", change.after != "right"))


def remarks(report: EvaluationReport) -> list[str]:
    """What must be known before the figures are believed: the gate's decision and warnings."""
    gate = report.facts.get("gate", {}).get("sentence", "")
    return [*([gate] if gate else []), *report.facts.get("warnings", ())]


def table_rows(report: EvaluationReport) -> list[TableRow]:
    """The figures that apply to at least one arm."""
    rows = [_table_row(report, figure) for figure in FIGURES]
    return [row for row in rows if any(value != NOTHING for value in row.values)]


def _table_row(report: EvaluationReport, figure: Figure) -> TableRow:
    compared = [report.comparison(arm, figure.metric) for _, arm in pairs(report)]
    return TableRow(
        figure.label,
        tuple(_value(result.aggregate, figure) for result in report.results),
        tuple(_span(result.intervals.get(figure.metric), figure) for result in report.results),
        tuple(points(c.difference, figure.unit) if c else "" for c in compared),
        tuple(_difference_span(c, figure) for c in compared),
        tuple(comparison.verdict if comparison else "" for comparison in compared),
        figure.first,
    )


def _value(figures: Aggregate, figure: Figure) -> str:
    value = getattr(figures, figure.name)
    if not isinstance(value, dict):
        return shown(value, figure.unit)
    if value["p50"] is None:
        return NOTHING
    return " / ".join(f"{number:.0f}" for number in value.values()) + (" ms" if figure.unit == "ms" else "")


def _span(interval: Interval | None, figure: Figure) -> str:
    if interval is None or interval.low is None:
        return ""
    low, high = (shown(value, figure.unit).rstrip("%") for value in (interval.low, interval.high))
    return f"{low} to {high}"


def _difference_span(comparison: Comparison | None, figure: Figure) -> str:
    if comparison is None or comparison.low is None:
        return ""
    return f"{points(comparison.low, figure.unit)} to {points(comparison.high, figure.unit)}"


def notes(report: EvaluationReport) -> list[str]:
    """What is measured on what, what was left out, and the command that repeats it."""
    check, facts, index = report.check, report.facts, report.facts["index"]
    stored = [(when, facts[when]) for when in ("before", "after") if when in facts]
    kinds = ", ".join(f"{n} {kind}" for kind, n in check.by_kind.items())
    file = report.file
    lines = [f"Questions: {file.path}, SHA-256 {file.sha256[:12]}…: {len(file.questions)} usable, {kinds}."]
    lines += [f"{when.title()}: {place['report']}, of {place['created']}." for when, place in stored]
    lines += [f"Line {fault.line} left out: {fault.fault}." for fault in file.faults]
    for ids, what in (
        (check.duplicates, "ask what an earlier question asks"),
        (check.evidence_missing, "have evidence that is not in the index"),
        (check.without_keywords, "have no keywords, so that a correct answer cannot be told"),
        (check.without_evidence, "have no evidence, so that retrieval cannot be judged"),
    ):
        if ids:
            lines.append(f"{len(ids)} question{'s'[: len(ids) > 1]} {what}: {some(ids)}.")
    lines += checked(check)
    if index:
        lines.append(
            f"Index: version {index['version']}, {index['documents']} documents, {index['chunks']} chunks, "
            f"embedder {index['embedder']}."
        )
    lines += [
        f"Arm {r.name}: {r.description or 'as given'}; model {r.model or 'unnamed'}." for r in report.results
    ]
    lines += [f"Arm {name} left out: {reason}" for name, reason in report.skipped.items()]
    for comparison in report.comparisons:
        if comparison.metric == PRIMARY:
            lines.append(
                f"{comparison.arm} against {comparison.base}, question by question: {changes(comparison)}."
            )
    lines += standings(facts) + kept(facts)
    for result in report.results:
        lines += quality(result)
        errors = list(result.errors.items())
        lines += [f"Arm {result.name}, question {name}: {error}" for name, error in errors[:MOST_ERRORS]]
    lines += cost(facts)
    if facts["command"]:
        lines.append(f"Repeat it: `{facts['command']}`")
    return lines
