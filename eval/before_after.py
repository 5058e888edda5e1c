"""Two reports against each other: the same questions, the same arm, another model, index or version.

Nothing is asked again. The stored judgements of the questions that both reports hold are paired, and compared
as two arms are.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from core.errors import InvalidInputError
from core.statistics import SEED
from core.types import QAPair
from eval.comparison import compare_arms, correct_for_arms
from eval.questions import check_questions
from eval.results import ArmResult, EvaluationReport

Pair = tuple[str, str]  # an arm of the report before, and the one of the report after


def compare_reports(
    before: EvaluationReport,
    after: EvaluationReport,
    *,
    folder: Path,
    arms: Sequence[str] = (),
    now: datetime | None = None,
) -> EvaluationReport:
    """A report that is to stand in `folder`, not yet written; it has each arm as `… before` and `… after`.

    `arms`: one name that both reports have, or one of each. Without it all that both have; where they share
    none and have one each, these. Raises InvalidInputError where no question or no arm can be paired.
    """
    pairs = _pairs(before, after, arms)
    shared = _shared(before, after)
    ids = [question.id for question in shared]
    results: list[ArmResult] = []
    comparisons = []
    for old, new in pairs:
        one = _only(_arm(before, old), ids, f"{old} before")
        other = _only(_arm(after, new), ids, f"{new} after")
        results += (one, other)
        comparisons += compare_arms({one.name: one.samples, other.name: other.samples})
    places = [str(place.report) for place in (before, after)]
    created = now or datetime.now(UTC)
    return EvaluationReport(
        report=folder,
        file=replace(after.file, questions=shared, faults=()),
        check=replace(check_questions(shared), evidence_missing=_still(after.check.evidence_missing, ids)),
        results=tuple(results),
        comparisons=correct_for_arms(comparisons),
        skipped={},
        facts={
            "created": created.isoformat(timespec="seconds"),
            "command": shlex.join(["inhouse", "evaluate", "--compare", *places])
            + (f" --arms {shlex.quote(','.join(arms))}" if arms else ""),
            "seed": SEED,
            "index": after.facts["index"],
            "before": {"report": places[0], "created": before.facts["created"]},
            "after": {"report": places[1], "created": after.facts["created"]},
            "models": {
                f"{name} {when}": card
                for when, report in (("before", before), ("after", after))
                for name, card in report.facts.get("models", {}).items()
            },
            "warnings": _warnings(before, after, shared),
        },
    )


def _pairs(before: EvaluationReport, after: EvaluationReport, arms: Sequence[str]) -> list[Pair]:
    old, new = ([result.name for result in report.results] for report in (before, after))
    if len(arms) > 2:
        raise InvalidInputError("Name one arm that both reports have, or one of each: --arms A,B.")
    if arms:
        chosen = (arms[0], arms[-1])
        for name, known, report in ((chosen[0], old, before), (chosen[1], new, after)):
            if name not in known:
                raise InvalidInputError(
                    f"The report {report.report} has no arm {name!r}; it has {', '.join(known)}."
                )
        return [chosen]
    both = [name for name in old if name in new]
    if not both and len(old) == len(new) == 1:
        return [(old[0], new[0])]
    if not both:
        raise InvalidInputError(
            f"The reports share no arm: one has {', '.join(old)}, the other {', '.join(new)}. "
            "Name one of each with --arms A,B."
        )
    return [(name, name) for name in both]


def _shared(before: EvaluationReport, after: EvaluationReport) -> tuple[QAPair, ...]:
    """As the later report has them; an id that stands for another question now is not shared."""
    known = {question.id: question for question in before.file.questions}
    shared = tuple(q for q in after.file.questions if q.id in known and _asks_the_same(known[q.id], q))
    if not shared:
        raise InvalidInputError(
            f"The two reports share no question: {before.file.path} and {after.file.path} differ entirely."
        )
    return shared


def _asks_the_same(one: QAPair, other: QAPair) -> bool:
    return (one.kind, one.question, one.history) == (other.kind, other.question, other.history)


def _warnings(before: EvaluationReport, after: EvaluationReport, shared: Sequence[QAPair]) -> list[str]:
    lines = []
    counts = [len(report.file.questions) for report in (before, after)]
    if counts != [len(shared)] * 2:
        lines.append(
            f"Only the {len(shared)} questions that both reports hold are compared, of {counts[0]} before "
            f"and {counts[1]} after."
        )
    known = {question.id: question for question in before.file.questions}
    otherwise = sum(_expects(known[question.id]) != _expects(question) for question in shared)
    if otherwise:
        was = "question has" if otherwise == 1 else "questions have"
        lines.append(
            f"{otherwise} {was} another reference answer, evidence or keywords in the later report, which "
            "alone may change how answers are judged."
        )
    indexes = [report.facts["index"] for report in (before, after)]
    told = ("fingerprint", "embedder", "documents", "chunks")
    changed = [name for name in told if indexes[0].get(name) != indexes[1].get(name)]
    if changed:
        lines.append(f"The index differs ({', '.join(changed)}): a difference need not come from the model.")
    elif indexes[0].get("version") != indexes[1].get("version"):
        lines.append("The index was written between the two reports; its size is the same.")
    ids = {question.id for question in shared}
    missing = [ids & set(report.check.evidence_missing) for report in (before, after)]
    if missing[0] != missing[1]:
        lines.append(
            f"Evidence that is not in the index: of {len(missing[0])} of these questions before, of "
            f"{len(missing[1])} after."
        )
    return lines


def _expects(question: QAPair) -> tuple[object, ...]:
    return question.answer, question.evidence, question.keywords


def _arm(report: EvaluationReport, name: str) -> ArmResult:
    return next(result for result in report.results if result.name == name)


def _only(result: ArmResult, ids: Sequence[str], name: str) -> ArmResult:
    """The arm's answers to these questions, in this order."""
    places = {sample.id: place for place, sample in enumerate(result.samples)}
    chosen = [places[question] for question in ids]
    return ArmResult(
        name,
        result.description,
        tuple(result.answers[place] for place in chosen),
        tuple(result.samples[place] for place in chosen),
        {question: fault for question, fault in result.errors.items() if question in set(ids)},
    )


def _still(missing: Sequence[str], ids: Sequence[str]) -> tuple[str, ...]:
    return tuple(question for question in missing if question in set(ids))
