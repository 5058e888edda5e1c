"""What the page says of its data and of the models that answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from eval.results import ArmResult, EvaluationReport

MOST_IDS = 40  # of questions that a check names
_INDEX = {"version": "version", "documents": "documents", "chunks": "passages", "embedder": "embedder"}
_CHECKS = (
    ("duplicates", "Asked twice"),
    ("evidence_missing", "Evidence not in the index"),
    ("without_keywords", "No keywords: a correct answer cannot be told"),
    ("without_evidence", "No evidence: retrieval cannot be judged"),
)


def data_card(report: EvaluationReport) -> str:
    file, check, index = report.file, report.check, report.facts["index"]
    kinds = ", ".join(f"{n} {kind}" for kind, n in check.by_kind.items())
    rows = [
        ("Questions", escape(f"{len(file.questions)}: {kinds}")),
        ("File", f"<code>{escape(str(file.path))}</code>"),
        ("SHA-256", f"<code>{escape(file.sha256)}</code>"),
        ("Lines left out", _ids([f"{fault.line}: {fault.fault}" for fault in file.faults])),
    ]
    rows += [(label, _ids(getattr(check, name))) for name, label in _CHECKS]
    rows.append(("Ask nearly the same", _ids([f"{one} and {other}" for one, other in check.near_duplicates])))
    for overlap in check.overlaps:
        ids = [*overlap.exact, *(name for name, _ in overlap.near)]
        rows.append((overlap.data, _ids(ids) if overlap.learned else ""))
    for when in ("before", "after"):
        if place := report.facts.get(when):
            rows.append((when.title(), f"<code>{escape(place['report'])}</code>, {escape(place['created'])}"))
    if index:
        told = ", ".join(f"{label} {index[name]}" for name, label in _INDEX.items() if name in index)
        rows.append(("Index", escape(told)))
    if chosen := report.facts.get("settings"):
        told = ", ".join(f"{name} = {_text(value)}" for name, value in chosen.items())
        rows.append(("Settings", f"<code>{escape(told)}</code>"))
    made = {"": "version", "Python": "python", "on": "machine", "seed": "seed"}
    parts = [
        f"{label} {report.facts[name]}".strip() for label, name in made.items() if report.facts.get(name)
    ]
    rows.append(("Made by", escape(f"Inhouse {', '.join(parts)}")))
    return _list(rows)


def model_cards(report: EvaluationReport) -> str:
    known: Mapping[str, Mapping[str, Any]] = report.facts.get("models", {})
    return "".join(_model_card(result, known.get(result.name, {})) for result in report.results)


def _model_card(result: ArmResult, card: Mapping[str, Any]) -> str:
    rows = [
        ("What it is", escape(result.description or "as given")),
        ("Model", escape(result.model or "unnamed")),
    ]
    rows += [(_label(name), _value(value)) for name, value in card.items() if value not in ("", None, {}, [])]
    errors = [f"{question}: {fault}" for question, fault in result.errors.items()]
    rows.append(("Questions that failed", _ids(errors)))
    return f"<div class='card'><h3>{escape(result.name)}</h3>{_list(rows)}</div>"


def _value(value: Any) -> str:
    """A mapping, such as a recipe, is folded away."""
    if not isinstance(value, Mapping):
        return f"<code>{escape(_text(value))}</code>"
    return f"<details><summary>{len(value)} entries</summary>{_nested(value)}</details>"


def _nested(values: Mapping[str, Any]) -> str:
    rows = []
    for name, value in values.items():
        inner = _nested(value) if isinstance(value, Mapping) else f"<code>{escape(_text(value))}</code>"
        rows.append((_label(name), inner))
    return _list(rows)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(_text, value)) if isinstance(value, list | tuple) else str(value)


def _ids(ids: Sequence[str]) -> str:
    if not ids:
        return "none"
    more = f" and {len(ids) - MOST_IDS} more" if len(ids) > MOST_IDS else ""
    listed = escape(", ".join(ids[:MOST_IDS]) + more)
    return f"<details><summary>{len(ids)}</summary>{listed}</details>"


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _list(rows: Sequence[tuple[str, str]]) -> str:
    """`rows`: label as text, value as HTML."""
    return "<dl>" + "".join(f"<dt>{escape(label)}</dt><dd>{value}</dd>" for label, value in rows) + "</dl>"
