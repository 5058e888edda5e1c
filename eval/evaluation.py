"""The questions of a file through every arm, measured, compared and written to a report."""

from __future__ import annotations

import platform
import re
import resource
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import spelling
from core.errors import ConfigurationError, IndexEmptyError, ModelError
from core.progress import Progress, silent
from core.settings import Settings
from core.statistics import SEED
from core.types import QAPair
from eval.agreement import Ratings, with_ratings
from eval.arms import Arm, Bench, open_arms
from eval.asking import answer_all, side_by_side
from eval.comparison import compare_arms
from eval.general_ability import general_ability
from eval.journal import Journal
from eval.judge import judgement
from eval.metrics import Mended
from eval.questions import FileCheck, QuestionFile, check_questions, load_questions
from eval.report import write_report
from eval.results import ArmResult, EvaluationReport
from eval.similarity import with_similarity
from eval.tournament import standings

if TYPE_CHECKING:
    from core.bootstrap import Inhouse
    from core.models.generators import LocalGenerator

# The assistant and its arms -> what they do with questions about other documents.
Regression = Callable[["Inhouse", Sequence[Arm], Progress], Mapping[str, Any]]

DEFAULT_ARMS = ("base", "tuned")
_TOLD = ("generator", "assistant", "retrieval", "models", "answering", "guards", "decoding", "judge")


def evaluate(
    settings: Settings,
    *,
    questions: Path,
    arms: Sequence[str] = DEFAULT_ARMS,
    training: Path | None = None,
    learned: Mapping[str, Sequence[QAPair]] | None = None,
    off_topic: Sequence[str] = (),
    ratings: Ratings | None = None,
    regression: Regression | None = None,
    progress: Progress = silent,
    now: datetime | None = None,
) -> EvaluationReport:
    """Writes report.json, report.md and report.html into a new folder under `settings.reports_dir`.

    Every other arm is compared with the first that could be evaluated. `training` holds the questions whose
    answers the arm `nearest` copies, `learned` what the adapters were tuned on, by the name of the data: the
    file is held against it. `off_topic` is how answers that decline begin in a file without kinds, `ratings`
    what people said of logged answers; `regression` asks the arms about other documents. An evaluation that
    was stopped goes on from the answers that it had. Raises InvalidInputError where the file holds no usable
    question, IndexEmptyError where nothing is indexed, ModelError where no arm remains.
    """
    from core.bootstrap import Inhouse

    file = load_questions(questions, settings.assistant, off_topic)
    inhouse = Inhouse(settings)
    try:
        if inhouse.index.is_empty:
            raise IndexEmptyError("Nothing is indexed yet. Index a folder with `inhouse reindex PATH`.")
        bench = open_arms(inhouse, arms, file.questions, training=training, off_topic=off_topic)
        with side_by_side(bench.arms, settings.models.threads) as workers:
            return run(
                file,
                bench,
                folder=settings.reports_dir,
                inhouse=inhouse,
                command=_command(questions, arms, training, off_topic, regression is not None),
                learned=learned,
                ratings=ratings,
                regression=regression,
                workers=workers,
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
    learned: Mapping[str, Sequence[QAPair]] | None = None,
    ratings: Ratings | None = None,
    regression: Regression | None = None,
    known: Sequence[ArmResult] = (),
    workers: int = 1,
    progress: Progress = silent,
    now: datetime | None = None,
) -> EvaluationReport:
    """The same with arms at hand; without `inhouse` the evidence is not looked up in the index, and no answer
    is kept for a further run. `known`: arms that have answered these questions already; they
    come first. `workers` is how many questions are answered at a time.
    """
    started = time.perf_counter()
    results: list[ArmResult] = [*known]
    skipped = dict(bench.skipped)
    journals = []
    peaks = {}
    mended = _mended(inhouse) if inhouse else None
    for arm in bench.arms:
        try:
            journal = _journal(arm, file, folder, inhouse)
            result = answer_all(
                arm, file.questions, progress, journal=journal, workers=workers, mended=mended
            )
            if inhouse:
                result = with_similarity(result, file.questions, inhouse.embedder)
            results.append(result)
            journals.append(journal)
            peaks[arm.name] = _peak_memory_mb()
        except (ModelError, ConfigurationError) as error:
            skipped[arm.name] = error.message
    if len(results) == len(known):
        reasons = " ".join(f"{name}: {reason}" for name, reason in skipped.items())
        raise ModelError(f"No arm could be evaluated. {reasons}")
    created = now or datetime.now(UTC)
    report = EvaluationReport(
        report=new_folder(folder, created, file.path.stem),
        file=file,
        check=_check(file, inhouse, learned),
        results=tuple(results),
        comparisons=compare_arms({result.name: result.samples for result in results}),
        skipped=skipped,
        facts={
            "created": created.isoformat(timespec="seconds"),
            "command": command,
            "seed": SEED,
            "index": _index_facts(inhouse) if inhouse else {},
            "models": {arm.name: dict(arm.card) for arm in bench.arms if arm.card},
            "settings": chosen_settings(inhouse.settings) if inhouse else {},
            "version": version("inhouse"),
            "python": platform.python_version(),
            "machine": platform.machine(),
            "questions_at_once": workers,
            "seconds": round(time.perf_counter() - started, 1),
            "peak_memory_mb": peaks,
            "standings": [asdict(one) for one in standings({r.name: r.samples for r in results})],
            "ratings": with_ratings(results, file.questions, ratings or {}),
            "regression": regression(inhouse, [a for a in bench.arms if a.name not in skipped], progress)
            if regression and inhouse
            else None,
            "general_ability": general_ability(_writing(bench, skipped), progress=progress)
            if regression
            else None,
            "judge": judgement(inhouse.settings.judge, results, file.questions, ratings or {}, progress)
            if inhouse and inhouse.settings.judge.model
            else None,
        },
    )
    write_report(report)
    for journal in journals:
        if journal:
            journal.drop()
    return report


def _writing(bench: Bench, skipped: Mapping[str, str]) -> list[tuple[str, Callable[[], LocalGenerator]]]:
    """The arms of this process's generating models, each model once."""
    found = {
        arm.generator().id: (arm.name, arm.generator)
        for arm in reversed(bench.arms)
        if arm.generator and arm.name not in skipped
    }
    return list(reversed(found.values()))


def _mended(inhouse: Inhouse) -> Mended:
    """A text with its misspelt words replaced, by the words of the documents and of the embedder."""
    words, embedder = inhouse.index.words(), inhouse.embedder
    return lambda text: spelling.mended(text, words, lambda word: embedder.count_tokens(word) == 1)


def _check(
    file: QuestionFile, inhouse: Inhouse | None, learned: Mapping[str, Sequence[QAPair]] | None
) -> FileCheck:
    if inhouse is None:
        return check_questions(file.questions)
    return check_questions(file.questions, inhouse.index.all_chunks(), inhouse.embedder, learned)


def _journal(arm: Arm, file: QuestionFile, folder: Path, inhouse: Inhouse | None) -> Journal | None:
    """Raises ModelError where the arm's model is gone."""
    if inhouse is None or arm.identity is None:
        return None
    identity = f"{inhouse.index.fingerprint} {inhouse.index.version} {arm.identity()}"
    return Journal.of(folder, identity, file.questions, inhouse.index.chunks)


def _peak_memory_mb() -> float:
    """The most that this process has held so far: of an arm and those before it."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kilobytes, on macOS bytes
    return round(peak / (1024**2 if sys.platform == "darwin" else 1024), 1)


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


def chosen_settings(settings: Settings) -> dict[str, Any]:
    """Those that answers depend on and that are not as they come, as `section.name`; no keys."""
    told = settings.model_dump(mode="json", exclude_defaults=True, include=set(_TOLD))
    found = {name: value for name, value in told.items() if not isinstance(value, dict)}
    for section, values in told.items():
        if isinstance(values, dict):
            found |= {f"{section}.{name}": value for name, value in values.items() if name != "api_key"}
    return found


def _index_facts(inhouse: Inhouse) -> dict[str, str | int]:
    documents = inhouse.index.documents()
    return {
        "version": inhouse.index.version,
        "fingerprint": inhouse.index.fingerprint,
        "documents": len(documents),
        "chunks": sum(document.chunks for document in documents),
        "embedder": inhouse.embedder.name,
    }


def _command(
    questions: Path, arms: Sequence[str], training: Path | None, off_topic: Sequence[str], regression: bool
) -> str:
    given = ["--questions", str(questions), "--arms", ",".join(arms)]
    given += ["--training", str(training)] if training else []
    given += [part for phrase in off_topic for part in ("--off-topic", phrase)]
    return shlex.join(["inhouse", "evaluate", *given, *(["--regression"] if regression else [])])
