"""AsciiDoc tables: cells by `|` with their spans, columns by `cols` or by the first line."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence

from ingestion.loaders.tables import table_markdown

_CELL = re.compile(
    r"(?:(?:(?<=\s)|^)(?:(?P<times>\d+)\*|(?P<across>\d+)?(?:\.(?P<down>\d+))?\+)?"
    r"(?:\.?[<^>]){0,2}[adehlmsv]?)?(?<!\\)\|",
    re.MULTILINE,
)
_MOST_COLUMNS = 200
Inline = Callable[[str], str]
Spanning = dict[int, tuple[int, int, str]]  # column -> the rows that its last cell comes down to, its text


def table(lines: Sequence[str], options: str, inline: Inline, separator: str = "|") -> str:
    """The table as Markdown rows. Its first row is the header, whether it is marked as one or not."""
    separator = "," if "format=csv" in options or separator == "," else "|"
    if separator == ",":
        rows = [[inline(cell.strip()) for cell in row] for row in csv.reader(lines) if row]
    else:
        rows = _rows(lines, options, inline)
    rows = [row for row in rows if any(row)]
    if len(rows) < 2 or max(len(row) for row in rows) < 2:
        return "\n\n".join(cell for row in rows for cell in row if cell)
    return table_markdown(rows)


def _rows(lines: Sequence[str], options: str, inline: Inline) -> list[list[str]]:
    text = "\n".join(lines)
    found = list(_CELL.finditer(text))
    width = _width(options) or sum(
        _number(cell["times"]) * _number(cell["across"])
        for cell in found
        if "\n" not in text[: cell.start()].lstrip("\n")
    )
    rows: list[list[str]] = [[]]
    spanning: Spanning = {}
    for number, cell in enumerate(found):
        end = found[number + 1].start() if number + 1 < len(found) else len(text)
        words = re.sub(r"\s+", " ", inline(_unmarked(text[cell.end() : end]))).strip()
        for _ in range(_number(cell["times"])):
            _begin(rows, spanning, width)
            last = len(rows) + _number(cell["down"]) - 2
            for extra in range(_number(cell["across"])):
                spanning[len(rows[-1])] = (len(rows), last, "" if extra else words)
                rows[-1].append("" if extra else words)
    _begin(rows, spanning, width)
    return rows


def _begin(rows: list[list[str]], spanning: Spanning, width: int) -> None:
    """Begins a row where the last one is full, with the cells that come down from the rows above."""
    while True:
        if len(rows[-1]) >= width:
            rows.append([])
        first, last, words = spanning.get(len(rows[-1]), (1, 0, ""))
        if not first <= len(rows) - 1 <= last:
            return
        rows[-1].append(words)


def _unmarked(cell: str) -> str:
    """The text of a cell that is a document of its own, its items after each other."""
    return re.sub(r"^\s*(?:[*.-]+\s+)", "", cell.replace("\\|", "|"), flags=re.MULTILINE)


def _width(options: str) -> int:
    found = re.search(r"cols\s*=\s*(?:\"([^\"]*)\"|([^,\]]+))", options)
    if not found:
        return 0
    total = 0
    for column in re.split(r"[,;]", found.group(1) or found.group(2)):
        times = re.match(r"\s*(\d+)\*", column)
        total += int(times.group(1)) if times else 1
    return min(total, _MOST_COLUMNS)


def _number(text: str | None) -> int:
    return min(max(int(text), 1), _MOST_COLUMNS) if text else 1
