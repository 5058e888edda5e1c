"""The questions of the interaction log asked again: is what was answered well still answered well?

log -> questions with what is expected (`exporting`) -> the answers of then beside those of now -> report

The log is an arm of its own, `logged`, so that the report compares with it question by question. What was not
rated counts as right as it was answered then, so `logged` is right nearly by definition: a drop says that
answers changed, and the report which.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import InvalidInputError
from core.progress import Progress, silent
from core.settings import Settings
from core.types import Answer, Citation, Hit, QAPair
from service import exporting

if TYPE_CHECKING:
    from core.bootstrap import Inhouse
    from core.index.index import Index
    from eval.arms import Bench
    from eval.gate import Gate
    from eval.questions import QuestionFile
    from eval.results import ArmResult, EvaluationReport

LOGGED = "logged"
KEPT = 2  # replays: this one, and the last one that it is compared with; they hold what people asked


@dataclass(frozen=True, slots=True)
class Replay:
    report: EvaluationReport
    since_last: EvaluationReport | None  # this replay against the last one; never written
    dropped: Mapping[str, int]  # why interactions were not asked again -> how many
    gate: Gate | None

    def to_json(self) -> dict[str, Any]:
        last = self.since_last
        return {
            "dropped": dict(self.dropped),
            "since_last": {**last.to_json(), "report": last.facts["before"]["report"]} if last else None,
        }


def replay(
    inhouse: Inhouse,
    *,
    since: datetime | None = None,
    arms: Sequence[str] = (),
    bench: Bench | None = None,
    tolerances: Mapping[str, float] | None = None,
    progress: Progress = silent,
) -> Replay:
    """Writes a report into `reports/replays`. `arms`: by default the one that serves.

    `bench`: arms that are open already. `tolerances`: asks the gate whether the answers are worse than those
    in the log; None: it is not asked. Raises InvalidInputError where nothing was logged that can be asked
    again, ModelError, IndexEmptyError.
    """
    from eval import evaluation
    from eval.arms import open_arms
    from eval.questions import load_questions

    settings = inhouse.settings
    folder = replays_dir(settings)
    previous = _newest(folder)
    exported = exporting.export(settings, folder / "questions.jsonl", "questions", since=since)
    file = load_questions(exported.file)
    report = evaluation.run(
        file,
        bench or open_arms(inhouse, arms or (serving_arm(inhouse),), file.questions),
        folder=folder,
        command=_command(since, arms),
        inhouse=inhouse,
        known=(_then(settings, file, inhouse.index, since),),
        progress=progress,
    )
    done = _finished(report, previous, exported.dropped, tolerances)
    for old in _reports(folder)[:-KEPT]:
        shutil.rmtree(old)
    return done


def _command(since: datetime | None, arms: Sequence[str]) -> str:
    given = ["--replay", *(["--since", since.isoformat()] if since else [])]
    return shlex.join(["inhouse", "evaluate", *given, *(["--arms", ",".join(arms)] if arms else [])])


def replays_dir(settings: Settings) -> Path:
    return settings.reports_dir / "replays"


def forget(settings: Settings) -> None:
    """Deletes all replays."""
    if replays_dir(settings).exists():
        shutil.rmtree(replays_dir(settings))


def serving_arm(inhouse: Inhouse) -> str:
    """The name of the arm that answers as the server does."""
    from finetune.registry import Registry

    settings = inhouse.settings
    named = settings.generator == "reader" and settings.models.reader_adapter
    if settings.generator == "openai" or named:  # no active adapter of ours comes in
        return "base"
    return "tuned" if Registry(settings.adapters_dir).active(inhouse.kind) else "base"


def _finished(
    report: EvaluationReport,
    previous: Path | None,
    dropped: Mapping[str, int],
    tolerances: Mapping[str, float] | None,
) -> Replay:
    from eval.gate import judge
    from eval.report import write_report

    last = _since(previous, report) if previous else None
    gate = judge(report, tolerances) if tolerances is not None else None
    remarks = [f"Since the replay of {last.facts['before']['created']}: {last.headline}"] if last else []
    remarks += [f"Not asked again, because {why}: {count}." for why, count in dropped.items()]
    facts = {**report.facts, "warnings": remarks, **({"gate": gate.to_json()} if gate else {})}
    report = replace(report, facts=facts)
    write_report(report)
    return Replay(report, last, dropped, gate)


def _since(previous: Path, report: EvaluationReport) -> EvaluationReport | None:
    """The arm that served, then and now. None where the last replay asked nothing of this one, or was written
    by another version.
    """
    from eval.before_after import compare_reports
    from eval.stored import load_report

    try:
        last, now = load_report(previous), load_report(report.report)  # both rounded, as they are stored
        served = [next(name for name in replay.arms if name != LOGGED) for replay in (last, now)]
        return compare_reports(last, now, folder=Path(), arms=served)
    except InvalidInputError:
        return None


def _then(settings: Settings, file: QuestionFile, index: Index, since: datetime | None) -> ArmResult:
    """What the log answered, judged as the answers of now are."""
    from eval.metrics import score
    from eval.results import ArmResult

    exchanges = {exchange.pair_id: exchange for exchange in exporting.logged(settings, since)}
    asked = [exchanges[question.id] for question in file.questions]
    answers = tuple(_answer(*pair, index) for pair in zip(file.questions, asked, strict=True))
    samples = tuple(
        score(question, answer, exchange.total_ms)
        for question, answer, exchange in zip(file.questions, answers, asked, strict=True)
    )
    return ArmResult(LOGGED, "what was answered then, as the log holds it", answers, samples)


def _answer(question: QAPair, exchange: exporting.Exchange, index: Index) -> Answer:
    """With those of its passages that are still indexed, in their order then.

    Personal data that the log holds masked is as the documents have it, as in the exported question.
    """
    text, quotes = exchange.answer, [citation["quote"] for citation in exchange.citations]
    there = [evidence.quote for evidence in question.evidence]
    if exchange.answer_type == "answer" and not exchange.correction and quotes != there:
        text, quotes = question.answer, there
    known = index.chunks(list(exchange.chunk_ids))
    return Answer(
        text,
        exchange.answer_type,
        tuple(map(_citation, exchange.citations, quotes)),
        model="the log",
        hits=tuple(Hit(known[name], 0.0) for name in exchange.chunk_ids if name in known),
        reason=exchange.reason,
    )


def _citation(logged: Mapping[str, Any], quote: str) -> Citation:
    return Citation(**{**logged, "quote": quote, "also_in": tuple(logged.get("also_in", ()))})


def _newest(folder: Path) -> Path | None:
    return next(reversed(_reports(folder)), None)


def _reports(folder: Path) -> list[Path]:
    """Oldest first: names begin with the time."""
    return sorted(path.parent for path in folder.glob("*/report.json"))
