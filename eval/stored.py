"""A report.json read back into the report that it was written from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from core.errors import InvalidInputError
from core.types import Answer, Chunk, Citation, Evidence, Hit, Message, QAPair
from eval.comparison import Comparison
from eval.metrics import Sample
from eval.questions import FileCheck, LineFault, QuestionFile
from eval.results import ArmResult, EvaluationReport

NAME = "report.json"


def load_report(place: Path) -> EvaluationReport:
    """`place`: a report.json, or the folder that holds it.

    Samples are taken as they were judged then. Raises InvalidInputError where it is no such file.
    """
    file = place / NAME if place.is_dir() else place
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInputError(f"The report {file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise InvalidInputError(f"{file} is not JSON: name a report.json, or its folder.") from error
    try:
        return _report(values, file)
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidInputError(
            f"{file} is not a report of this version of `inhouse evaluate`: evaluate again ({error!r})."
        ) from error


def _report(values: Mapping[str, Any], file: Path) -> EvaluationReport:
    about = values["questions"]
    faults = tuple(LineFault(**fault) for fault in about["faults"])
    questions = tuple(map(_question, values["rows"]))
    return EvaluationReport(
        report=file.parent,
        file=QuestionFile(Path(about["file"]), about["sha256"], questions, faults),
        check=FileCheck(**{item.name: _frozen(about[item.name]) for item in fields(FileCheck)}),
        results=tuple(_arm(name, values) for name in values["arms"]),
        comparisons=tuple(Comparison(**comparison) for comparison in values["comparisons"]),
        skipped=values["skipped"],
        facts={"index": {}, "command": "", **values["facts"]},
    )


def _question(row: Mapping[str, Any]) -> QAPair:
    return QAPair(
        row["id"],
        row["kind"],
        row["question"],
        answer=row["reference"],
        evidence=tuple(Evidence(**evidence) for evidence in row["evidence"]),
        keywords=tuple(row["keywords"]),
        history=tuple(Message(**message) for message in row["history"]),
    )


def _arm(name: str, values: Mapping[str, Any]) -> ArmResult:
    about, rows = values["arms"][name], values["rows"]
    return ArmResult(
        name,
        about["description"],
        tuple(_answer(row["arms"][name], about["model"], values["passages"]) for row in rows),
        tuple(_sample(row, row["arms"][name]) for row in rows),
        {row["id"]: row["arms"][name]["error"] for row in rows if "error" in row["arms"][name]},
    )


def _sample(row: Mapping[str, Any], measured: Mapping[str, Any]) -> Sample:
    names = {item.name for item in fields(Sample)}
    values = {name: _frozen(value) for name, value in measured.items() if name in names}
    shared = {name: row[name] for name in ("id", "kind", "cluster")}
    return Sample(**{"right": None, **values, **shared})  # what did not apply was not written


def _answer(measured: Mapping[str, Any], model: str, passages: Mapping[str, Any]) -> Answer | None:
    if "error" in measured:
        return None
    return Answer(
        measured["answer"],
        measured["answer_type"],
        tuple(_citation(citation) for citation in measured["citations"]),
        model=model,
        hits=tuple(_hit(hit, passages[hit["passage"]]) for hit in measured["hits"]),
        confidence=measured["confidence"],
        reason=measured["reason"],
    )


def _citation(values: Mapping[str, Any]) -> Citation:
    return Citation(**{name: _frozen(value) for name, value in values.items()})


def _hit(found: Mapping[str, Any], passage: Mapping[str, str]) -> Hit:
    headings = tuple(passage["heading"].split(" > ")) if passage["heading"] else ()
    title, text = passage["title"], passage["text"]
    return Hit(Chunk(found["passage"], "", passage["source"], title, headings, text, 0), found["score"])


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
