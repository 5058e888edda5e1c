"""The questions of a file through every arm, measured, compared and written to a report."""

from __future__ import annotations

import logging
import platform
import re
import shlex
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import IndexEmptyError, IndexUnavailableError, InhouseError, ModelError
from core.progress import Progress, silent
from core.settings import Settings
from core.types import Answer, Message, QAPair
from eval.arms import Arm, Bench, open_arms
from eval.cards import model_cards
from eval.comparison import SEED, compare_arms
from eval.metrics import Sample, score, score_error
from eval.questions import QuestionFile, check_questions, load_questions
from eval.report import write_report
from eval.results import ArmResult, EvaluationReport

if TYPE_CHECKING:
    from core.bootstrap import Inhouse

DEFAULT_ARMS = ("base", "tuned")

logger = logging.getLogger("inhouse")


def evaluate(
    settings: Settings,
    *,
    questions: Path,
    arms: Sequence[str] = DEFAULT_ARMS,
    progress: Progress = silent,
    now: datetime | None = None,
) -> EvaluationReport:
    """Writes report.json, report.md and report.html into a new folder under `settings.reports_dir`.

    Every other arm is compared with the first that could be evaluated. Raises InvalidInputError where the
    file holds no usable question, IndexEmptyError where nothing is indexed, ModelError where no arm remains.
    """
    from core.bootstrap import Inhouse

    file = load_questions(questions)
    inhouse = Inhouse(settings)
    try:
        if inhouse.index.is_empty:
            raise IndexEmptyError("Nothing is indexed yet. Index a folder with `inhouse reindex PATH`.")
        bench = open_arms(inhouse, arms)
        return run(
            file,
            bench,
            folder=settings.reports_dir,
            inhouse=inhouse,
            command=_command(questions, arms),
            progress=progress,
            now=now,
        )
    finally:
        inhouse.close()


def run(
    file: QuestionFile,
    bench: Bench,
    *,
    folder: Path,
    command: str = "",
    inhouse: Inhouse | None = None,
    known: Sequence[ArmResult] = (),
    progress: Progress = silent,
    now: datetime | None = None,
) -> EvaluationReport:
    """The same with arms at hand; without `inhouse` the evidence is not looked up in the index.

    `known`: arms that have answered these questions already; they come first.
    """
    results = [*known]
    skipped = dict(bench.skipped)
    for arm in bench.arms:
        try:
            results.append(answer_all(arm, file.questions, progress))
        except ModelError as error:
            skipped[arm.name] = error.message
    if len(results) == len(known):
        reasons = " ".join(f"{name}: {reason}" for name, reason in skipped.items())
        raise ModelError(f"No arm could be evaluated. {reasons}")
    created = now or datetime.now(UTC)
    report = EvaluationReport(
        report=new_folder(folder, created, file.path.stem),
        file=file,
        check=check_questions(file.questions, inhouse.index.all_chunks() if inhouse else None),
        results=tuple(results),
        comparisons=compare_arms({result.name: result.samples for result in results}),
        skipped=skipped,
        facts={
            "created": created.isoformat(timespec="seconds"),
            "command": command,
            "seed": SEED,
            "index": _index_facts(inhouse) if inhouse else {},
            "models": model_cards(inhouse.settings, [arm.name for arm in bench.arms]) if inhouse else {},
            "python": platform.python_version(),
            "machine": platform.machine(),
        },
    )
    write_report(report)
    return report


def answer_all(arm: Arm, questions: Sequence[QAPair], progress: Progress = silent) -> ArmResult:
    """Every question through one arm, after one that only loads its models.

    A question that raises is an error of that question. Raises ModelError where the arm cannot answer at all.
    """
    stage = f"evaluate {arm.name}"
    progress(stage, 0, len(questions))
    _load(arm)
    answers: list[Answer | None] = []
    samples: list[Sample] = []
    errors: dict[str, str] = {}
    for done, question in enumerate(questions, 1):
        answer, error, latency_ms = _timed(arm, question)
        answers.append(answer)
        samples.append(score(question, answer, latency_ms) if answer else score_error(question, latency_ms))
        if error:
            errors[question.id] = error
        progress(stage, done, len(questions))
    if len(errors) == len(questions):
        raise ModelError(f"Every question failed, the first with: {next(iter(errors.values()))}")
    return ArmResult(arm.name, arm.description, tuple(answers), tuple(samples), errors)


def _load(arm: Arm) -> None:
    try:
        arm.answer("What is this about?", ())
    except (ModelError, IndexUnavailableError):
        raise
    except InhouseError as error:
        logger.info("the first question of arm %s was not answered: %s", arm.name, error)


def _timed(arm: Arm, question: QAPair) -> tuple[Answer | None, str, float]:
    """The answer or what went wrong, and the milliseconds it took."""
    history: Sequence[Message] = question.history
    started = time.perf_counter()
    answer, error = None, ""
    try:
        answer = arm.answer(question.question, history)
    except IndexUnavailableError:
        raise
    except (
        Exception
    ) as fault:  # one question must not cost the others theirs: it is named and counted as an error
        trace = not isinstance(fault, InhouseError)
        logger.warning("arm %s could not answer question %s", arm.name, question.id, exc_info=trace)
        error = str(fault) or type(fault).__name__
    return answer, error, (time.perf_counter() - started) * 1000


def new_folder(parent: Path, created: datetime, name: str) -> Path:
    """A folder for a report, named by its time and subject, that nobody else has."""
    short = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "questions"
    folder = parent / f"{created:%Y%m%dT%H%M%SZ}-{short}"
    number = 2
    while folder.exists():
        folder = folder.with_name(f"{created:%Y%m%dT%H%M%SZ}-{short}-{number}")
        number += 1
    folder.mkdir(parents=True)
    return folder


def _index_facts(inhouse: Inhouse) -> dict[str, str | int]:
    documents = inhouse.index.documents()
    return {
        "version": inhouse.index.version,
        "fingerprint": inhouse.index.fingerprint,
        "documents": len(documents),
        "chunks": sum(document.chunks for document in documents),
        "embedder": inhouse.embedder.name,
    }


def _command(questions: Path, arms: Sequence[str]) -> str:
    return shlex.join(["inhouse", "evaluate", "--questions", str(questions), "--arms", ",".join(arms)])
