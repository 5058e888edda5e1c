"""The HTML form of a report: one file without any outside part, filled into `page.html`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import escape
from pathlib import Path

from eval import curves, page_cards, plots
from eval.comparison import METRICS, PRIMARY
from eval.figures import FIGURES, TableRow, notes, pairs, remarks, table_rows
from eval.metrics import OUTCOMES
from eval.results import ArmResult, EvaluationReport, details
from eval.wording import changes, plainly, verdict

TEMPLATE = Path(__file__).with_name("page.html")
VERDICT_CLASSES = {"better": "good", "worse": "bad"}


def page(report: EvaluationReport) -> str:
    parts = {
        "title": escape(f"Evaluation of {' and '.join(result.name for result in report.results)}"),
        "verdict": _verdict(report),
        "plainly": "".join(
            f"<li>{escape(plainly(result.name, result.aggregate))}</li>" for result in report.results
        ),
        "subtitle": escape(_subtitle(report)),
        "remarks": "".join(
            f"<p class='note'>{escape(line)}</p>"
            for line in (*remarks(report), *(f"{name}: {why}" for name, why in report.skipped.items()))
        ),
        "figures": _figures(report),
        "differences": _differences(report),
        "outcomes": plots.outcomes(report.results),
        "kinds": plots.kinds(report.results),
        "confusions": "".join(map(_confusion, report.results)),
        "notes": "".join(f"<li>{escape(note)}</li>" for note in notes(report)),
        "more": curves.sections(report.arms, report.facts.get("standings", ())),
        "data_card": page_cards.data_card(report),
        "model_cards": page_cards.model_cards(report),
        "repeat": escape(report.facts["command"] or "not from the command line"),
        "data": _data(report),
    }
    template = TEMPLATE.read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)


def _verdict(report: EvaluationReport) -> str:
    """The first clause large, the figures under it; of several arms each with its own."""
    told = [(c.verdict, *verdict(c).partition(": ")) for c in report.comparisons if c.metric == PRIMARY]
    if not told:
        return f"<h1>{escape(report.headline)}</h1>"
    lines = [
        f"<p class='verdict {VERDICT_CLASSES.get(mark, 'even')}'>"
        f"{'' if len(told) == 1 else f'<b>{escape(clause)}.</b> '}{escape(_sentence(rest))}</p>"
        for mark, clause, _, rest in told
    ]
    title = told[0][1] if len(told) == 1 else f"{len(report.results)} arms on the same questions"
    return f"<h1>{escape(title)}</h1>{''.join(lines)}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _subtitle(report: EvaluationReport) -> str:
    file = report.file
    documents = {evidence.source for question in file.questions for evidence in question.evidence}
    created = report.facts["created"][:16].replace("T", " ")
    size = f"{len(file.questions)} questions of {file.path.name}, about {len(documents)} documents"
    return f"{size} · {created} UTC"


def _figures(report: EvaluationReport) -> str:
    names = [result.name for result in report.results]
    versus = [f"{arm} against {base}" for base, arm in pairs(report)]
    head = "".join(f"<th scope='col'>{escape(text)}</th>" for text in ("measure", *names, *versus))
    rows = table_rows(report)

    def table(first: bool) -> str:
        body = "".join(_figure(row) for row in rows if row.first == first)
        return f"<table class='figures'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    more = sum(not row.first for row in rows)
    folded = f"<details><summary>{more} more figures</summary>{table(False)}</details>" if more else ""
    return table(True) + folded


def _figure(row: TableRow) -> str:
    values = [_cell(value, span) for value, span in zip(row.values, row.intervals, strict=True)]
    differences = [
        _cell(value, span, VERDICT_CLASSES.get(verdict, ""))
        for value, span, verdict in zip(row.differences, row.difference_intervals, row.verdicts, strict=True)
    ]
    return f"<tr><th scope='row'>{escape(row.label)}</th>{''.join(values + differences)}</tr>"


def _cell(value: str, span: str, name: str = "") -> str:
    return f"<td class='{name}'>{value}<small>{span}</small></td>"


def _differences(report: EvaluationReport) -> str:
    labels = {figure.metric: figure.label for figure in FIGURES if figure.metric in METRICS}
    sections = []
    for base, arm in pairs(report):
        plot = plots.differences([c for c in report.comparisons if c.arm == arm], labels)
        names = escape(f"{arm} against {base}")
        sections.append(f"<h3>{names}</h3>{plot}{_changes(report, arm)}" if plot else "")
    return "".join(sections) or "<p>There is nothing to compare, or too few documents for intervals.</p>"


def _changes(report: EvaluationReport, arm: str) -> str:
    primary = report.comparison(arm, PRIMARY)
    return f"<p class='quiet'>Question by question: {changes(primary)}.</p>" if primary else ""


def _confusion(result: ArmResult) -> str:
    table = result.aggregate.confusion
    seen = {got for row in table.values() for got in row}
    columns = [got for got in ("answer", "no_answer", "off_topic", "blocked", "error") if got in seen]
    head = "".join(f"<th scope='col'>{got.replace('_', ' ')}</th>" for got in columns)
    body = "".join(_confusion_row(expected, row, columns) for expected, row in table.items())
    return (
        f"<div><h3>{escape(result.name)}</h3><table class='confusion'>"
        f"<thead><tr><th scope='col'>expected ↓ got →</th>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _confusion_row(expected: str, row: dict[str, int], columns: Iterable[str]) -> str:
    wanted = expected.split(" or ")
    cells = "".join(
        f"<td class='{'' if not row.get(got) else 'good' if got in wanted else 'bad'}'>{row.get(got, 0)}</td>"
        for got in columns
    )
    return f"<tr><th scope='row'>{expected.replace('_', ' ')}</th>{cells}</tr>"


def _data(report: EvaluationReport) -> str:
    """For the question browser; `<` is written so that no text can end the script element."""
    values = details(report)
    data = {
        "arms": [result.name for result in report.results],
        "pairs": pairs(report),
        "outcomes": OUTCOMES,
        "rows": values["rows"],
        "passages": values["passages"],
    }
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
