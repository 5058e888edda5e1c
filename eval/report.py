"""A report's forms: JSON for machines, Markdown for a pull request, HTML to dig in, a console table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from eval.figures import TableRow, changed, notes, pairs, remarks, table_rows
from eval.page import page
from eval.results import EvaluationReport, details

FORMAT = 1
MOST_CHANGES = 30  # listed in Markdown; report.json and the page have all


def write_report(report: EvaluationReport) -> None:
    """report.json, report.md and report.html into the report's folder."""
    values = {"format": FORMAT, **report.to_json(), **details(report), "changed": _changes(report)}
    forms = {
        "report.json": json.dumps(values, ensure_ascii=False, indent=1) + "\n",
        "report.md": markdown(report),
        "report.html": page(report),
    }
    for name, text in forms.items():
        (report.report / name).write_text(text, encoding="utf-8")


def table(report: EvaluationReport, width: int = 0) -> str:
    """The comparison for a terminal of so many columns; 0: as wide as it comes. Where several arms are
    compared in a narrow one, their clear differences stand below the figures.
    """
    values = [["", *(result.name for result in report.results)]]
    differences = [_versus(report)]
    for row in table_rows(report):
        marks = (f" {mark}" if mark in ("better", "worse") else "" for mark in row.verdicts)
        values.append([row.label, *row.values])
        differences.append([*map(str.__add__, _spanned(row), marks)])
    text = _aligned(
        [[*left, *right] for left, right in zip(values, differences, strict=True)], len(values[0])
    )
    if width and len(differences[0]) > 1 and max(map(len, text.splitlines())) > width:
        labels = [line[0] for line in values]
        text = "\n".join([_aligned(values, len(values[0])), *_clear(labels, differences)])
    return "\n".join([text, "", report.verdict, *remarks(report), ""])


def _aligned(lines: Sequence[Sequence[str]], figures: int) -> str:
    """Columns of one width; those from the second up to `figures` stand at its right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(size) if 0 < column < figures else cell.ljust(size)
            for column, (cell, size) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _clear(labels: Sequence[str], differences: Sequence[Sequence[str]]) -> list[str]:
    """Of each pair of arms a heading, and its better and worse figures."""
    lines = []
    for heading, *column in zip(*differences, strict=True):
        found = [
            f"  {label}: {difference}"
            for label, difference in zip(labels[1:], column, strict=True)
            if difference.endswith(("better", "worse"))
        ]
        lines += ["", heading, *(found or ["  no clear difference"])]
    return lines


def _spanned(row: TableRow) -> list[str]:
    pairs = zip(row.differences, row.difference_intervals, strict=True)
    return [f"{difference} ({span})" if span else difference for difference, span in pairs]


def markdown(report: EvaluationReport) -> str:
    """The report for a pull request."""
    names = [result.name for result in report.results]
    header = ["", *names, *_versus(report)]
    lines = [
        "# Evaluation",
        "",
        f"**{report.verdict}**",
        "",
        *(f"{remark}\n" for remark in remarks(report)),
        _line(header),
        _line(["---", *["---:"] * (len(header) - 1)]),
    ]
    for row in table_rows(report):
        lines.append(_line([row.label, *row.values, *map(_emphasised, _spanned(row), row.verdicts)]))
    lines += ["", "| Where it fails | " + " | ".join(names) + " |", _line(["---", *["---:"] * len(names)])]
    outcomes = [result.aggregate.outcomes for result in report.results]
    for name in dict.fromkeys(name for counts in outcomes for name in counts):
        lines.append(_line([_readable(name), *(str(counts.get(name, 0)) for counts in outcomes)]))
    lines += [*_changed_table(report), "", *(f"- {note}" for note in notes(report)), ""]
    return "\n".join(lines)


def changes(report: EvaluationReport, most: int = 10) -> str:
    """The questions that end otherwise, for a terminal."""
    found = changed(report)
    lines = [f"{c.id}: {_readable(c.before)} -> {_readable(c.after)} ({c.arm})  {c.question}" for c in found]
    more = [f"and {len(found) - most} more"] if len(found) > most else []
    return "\n".join([f"{len(found)} answers end otherwise:", *lines[:most], *more]) if found else ""


def _changed_table(report: EvaluationReport) -> list[str]:
    found = changed(report)
    if not found:
        return []
    lines = ["", _line(["Changed", "question", "arm", "before", "after"]), _line(["---"] * 5)]
    for c in found[:MOST_CHANGES]:
        lines.append(_line([c.id, c.question, c.arm, _readable(c.before), _readable(c.after)]))
    more = len(found) - MOST_CHANGES
    return [*lines, *(["", f"And {more} more; report.json has all."] if more > 0 else [])]


def _changes(report: EvaluationReport) -> list[dict[str, str]]:
    return [asdict(change) for change in changed(report)]


def _readable(outcome: str) -> str:
    return outcome.replace("_", " ")


def _versus(report: EvaluationReport) -> list[str]:
    return [f"{arm} - {base} (95% interval)" for base, arm in pairs(report)]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _emphasised(difference: str, mark: str) -> str:
    return f"**{difference}** {mark}" if mark in ("better", "worse") else difference
