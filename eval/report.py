"""A report's forms: JSON for machines, Markdown for a pull request, HTML to dig in, a console table."""

from __future__ import annotations

import json
from collections.abc import Sequence

from eval.figures import TableRow, notes, table_rows
from eval.page import page
from eval.results import EvaluationReport, details

FORMAT = 1


def write_report(report: EvaluationReport) -> None:
    """report.json, report.md and report.html into the report's folder."""
    values = {"format": FORMAT, **report.to_json(), **details(report)}
    forms = {
        "report.json": json.dumps(values, ensure_ascii=False, indent=1) + "\n",
        "report.md": markdown(report),
        "report.html": page(report),
    }
    for name, text in forms.items():
        (report.report / name).write_text(text, encoding="utf-8")


def table(report: EvaluationReport) -> str:
    """The comparison for a terminal."""
    names = [result.name for result in report.results]
    lines = [["", *names, *_versus(names)]]
    for row in table_rows(report):
        marks = (f" {mark}" if mark in ("better", "worse") else "" for mark in row.verdicts)
        lines.append([row.label, *row.values, *map(str.__add__, _spanned(row), marks)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    figures = range(1, len(names) + 1)
    text = "\n".join(
        "  ".join(
            cell.rjust(width) if column in figures else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
    return f"{text}\n\n{report.verdict}\n"


def _spanned(row: TableRow) -> list[str]:
    pairs = zip(row.differences, row.difference_intervals, strict=True)
    return [f"{difference} ({span})" if span else difference for difference, span in pairs]


def markdown(report: EvaluationReport) -> str:
    """The report for a pull request."""
    names = [result.name for result in report.results]
    header = ["", *names, *_versus(names)]
    lines = [
        "# Evaluation",
        "",
        f"**{report.verdict}**",
        "",
        _line(header),
        _line(["---", *["---:"] * (len(header) - 1)]),
    ]
    for row in table_rows(report):
        lines.append(_line([row.label, *row.values, *map(_emphasised, _spanned(row), row.verdicts)]))
    lines += ["", "| Where it fails | " + " | ".join(names) + " |", _line(["---", *["---:"] * len(names)])]
    outcomes = [result.aggregate.outcomes for result in report.results]
    for name in dict.fromkeys(name for counts in outcomes for name in counts):
        lines.append(_line([name.replace("_", " "), *(str(counts.get(name, 0)) for counts in outcomes)]))
    lines += ["", *(f"- {note}" for note in notes(report)), ""]
    return "\n".join(lines)


def _versus(names: Sequence[str]) -> list[str]:
    return [f"{name} - {names[0]} (95% interval)" for name in names[1:]]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _emphasised(difference: str, mark: str) -> str:
    return f"**{difference}** {mark}" if mark in ("better", "worse") else difference
