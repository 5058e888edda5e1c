"""Tables of a PDF without drawn lines: rows of text that begin at the same places as the header's cells."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ingestion.loaders.pdf_lines import Fragment, Line

_COLUMN_GAP = 1.5  # type sizes between the columns of a table
_CHARACTER_WIDTH = 0.5  # type sizes, about
_SAME_PLACE = 3.0  # points


Rows = list[list[str]]


def aligned_table(lines: Sequence[Line], index: int, pitch: float) -> tuple[Rows, int] | None:
    """The rows of the table whose header is lines[index], and the index after it; None where it is none."""
    columns = [] if lines[index].rows else _columns(lines[index])
    if len(columns) < 2:
        return None
    end = index + 1
    while end < len(lines) and _is_row(lines[end - 1], lines[end], columns, pitch):
        end += 1
    rows = _rows([fragment for line in lines[index:end] for fragment in line.fragments], columns, pitch)
    full = [row for row in rows if sum(bool(cell) for cell in row) > 1]
    return (rows, end) if len(full) >= 2 else None


def _is_row(previous: Line, line: Line, columns: list[float], pitch: float) -> bool:
    if line.rows or line.page != previous.page or abs(previous.y - line.y) > 2 * pitch:
        return False
    if any(_column(fragment.x, columns) is None for fragment in _cells(line)):
        return False
    if len(line.fragments) > 1 or _column(line.x, columns) != 0:
        return True
    # One fragment in the first column: a wrapped cell, or a paragraph after the table.
    return line.x + len(line.text) * line.size * _CHARACTER_WIDTH < columns[1]


def _cells(line: Line) -> list[Fragment]:
    """Fragments that begin a cell: those after a wide gap."""
    cells = [line.fragments[0]]
    for before, fragment in pairwise(line.fragments):
        if (
            fragment.x - before.x - len(before.text.strip()) * before.size * _CHARACTER_WIDTH
            > -2 * before.size
        ):
            cells.append(fragment)
    return cells


def _columns(line: Line) -> list[float]:
    """Where the columns begin if the line is a table's header: fragments with wide gaps between them."""
    found = [line.fragments[0].x]
    for before, fragment in pairwise(line.fragments):
        width = len(before.text.strip()) * before.size * _CHARACTER_WIDTH
        if fragment.x - before.x - width >= _COLUMN_GAP * before.size:
            found.append(fragment.x)
    return found if len(found) == len(line.fragments) else []


def _column(x: float, columns: list[float]) -> int | None:
    return next((number for number, left in enumerate(columns) if abs(left - x) <= _SAME_PLACE), None)


def _rows(fragments: Sequence[Fragment], columns: list[float], pitch: float) -> Rows:
    """Cells by row and column.

    Lines less than 0.7 pitches apart are one row (cells centred beside each other); a row without a first
    cell goes on with the row above it.
    """
    ordered = sorted(fragments, key=lambda fragment: -fragment.y)
    rows: Rows = []
    last_y: float | None = None
    for fragment in ordered:
        column = _column(fragment.x, columns)
        if last_y is None or last_y - fragment.y > 0.7 * pitch:
            rows.append([""] * len(columns))
        last_y = fragment.y
        if column is None:
            column = max(
                number
                for number, left in enumerate(columns)
                if left <= fragment.x + _SAME_PLACE or number == 0
            )
        rows[-1][column] = f"{rows[-1][column]} {fragment.text.strip()}".strip()
    merged: Rows = []
    for row in rows:
        if merged and not row[0]:
            merged[-1] = [f"{above} {below}".strip() for above, below in zip(merged[-1], row, strict=True)]
        else:
            merged.append(row)
    return merged
