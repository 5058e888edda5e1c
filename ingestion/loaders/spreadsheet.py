"""Excel workbooks by openpyxl, read row by row: a section for each visible sheet, tables with their header.

Formulas show the value that Excel saved with them. A file that no spreadsheet program has calculated holds
none; such cells say so instead of being empty, and metadata `uncalculated` counts them.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from itertools import repeat, zip_longest
from typing import TYPE_CHECKING, Any

from openpyxl import load_workbook
from openpyxl.worksheet._read_only import ReadOnlyWorksheet

from ingestion.loaders.archives import check_unpacked
from ingestion.loaders.files import Converted, FileLoader, title_from_name
from ingestion.loaders.limits import at_most_rows, over_limit
from ingestion.loaders.records import one_line, readable_name, records_markdown
from ingestion.loaders.spreadsheet_merges import Merges, scanned
from ingestion.loaders.spreadsheet_values import shown

if TYPE_CHECKING:
    from openpyxl import Workbook

Row = list[str]
_UNNAMED = re.compile(r"(?:sheet|tabelle|feuil|hoja|blad|foglio|planilha|arkusz)\s?\d*", re.IGNORECASE)
_UNCALCULATED = "(not calculated)"
_CELLS_A_ROW = 100  # on average, in a sheet at its limit


class SpreadsheetLoader(FileLoader):
    """Raises SourceError where the sheets have more than `max_rows` rows with content together."""

    def convert(self, data: bytes) -> Converted:
        check_unpacked(data, self.settings)
        values = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        formulas = load_workbook(io.BytesIO(data), read_only=True, keep_links=False)
        sheets = [name for name in values.sheetnames if _is_visible(values, name)]
        rows = at_most_rows(
            (
                (name, row)
                for name in sheets
                for row in _rows(values[name], formulas[name], self.settings.max_rows)
            ),
            self.settings,
        )
        by_sheet: dict[str, list[Row]] = {name: [] for name in sheets}
        for name, row in rows:
            by_sheet[name].append(row)
        filled = {name: blocks for name, rows in by_sheet.items() if (blocks := _blocks(rows))}
        named = len(filled) > 1 or any(not _UNNAMED.fullmatch(name) for name in filled)
        title = (values.properties.title or "").strip() or title_from_name(self.path)
        parts = [f"# {title}"] if filled else []
        for name, blocks in filled.items():
            parts += [f"## {one_line(name)}"] if named else []
            parts += [_markdown(block, 3 if named else 2) for block in blocks]
        text = "\n\n".join(parts)
        count = text.count(_UNCALCULATED)
        return Converted(text, title, {"uncalculated": count} if count else {})


def _is_visible(workbook: Workbook, name: str) -> bool:
    sheet = workbook[name]  # a chart sheet has no cells
    return isinstance(sheet, ReadOnlyWorksheet) and sheet.sheet_state == "visible"


def _rows(values: Any, formulas: Any, max_rows: int) -> Iterator[Row]:
    """The sheet's rows, one without cells for each gap; the size that the sheet claims is not used."""
    ranges, has_formulas = scanned(values)
    merges = Merges(ranges)
    values.reset_dimensions()
    formulas.reset_dimensions()
    cells_left = max_rows * _CELLS_A_ROW
    gap = False
    originals = formulas.iter_rows() if has_formulas else repeat(())
    for number, (row, written) in enumerate(zip(values.iter_rows(), originals, strict=False), start=1):
        cells_left -= len(row)
        if cells_left < 0:
            raise over_limit(f"more than {max_rows * _CELLS_A_ROW:,} cells", "max_rows", max_rows)
        texts = [_text(cell, original) for cell, original in zip_longest(row, written)]
        if not any(texts):
            gap = True
            continue
        if gap:
            yield []
        gap = False
        yield merges.filled(number, texts)


def _text(cell: Any, original: Any) -> str:
    if cell.value is None:
        return _UNCALCULATED if original is not None and original.data_type == "f" else ""
    return shown(cell.value, cell.number_format or "General")


def _blocks(rows: Sequence[Row]) -> list[list[Row]]:
    """Runs of rows between gaps; one that goes on with the columns of the table above it belongs to that."""
    blocks: list[list[Row]] = [[]]
    for row in rows:
        if not row:
            blocks.append([])
        else:
            blocks[-1].append(row)
    found: list[list[Row]] = []
    for block in blocks:
        if block and found and _goes_on(found[-1], block):
            found[-1] += block
        elif block:
            found.append(block)
    return found


def _goes_on(table: list[Row], block: list[Row]) -> bool:
    header = next((row for row in table if _filled(row) > 1), None)
    if header is None or _columns([block[0]]) - _columns([header]):
        return False
    return _filled(block[0]) > 1 and any(re.match(r"\W*\d", cell) for cell in block[0])


def _markdown(block: list[Row], level: int) -> str:
    """Rows of one cell before the header are paragraphs: a title or a note above the table."""
    start = next((number for number, row in enumerate(block) if _filled(row) > 1), len(block))
    parts = ["\n\n".join(cell for cell in row if cell) for row in block[:start]]
    table = block[start:]
    if len(table) == 1:
        parts.append(" – ".join(one_line(cell) for cell in table[0] if cell))
    elif table:
        used = sorted(_columns(table))
        aligned = [[row[column] if column < len(row) else "" for column in used] for row in table]
        parts.append(records_markdown([readable_name(name) for name in aligned[0]], aligned[1:], level))
    return "\n\n".join(parts)


def _columns(rows: list[Row]) -> set[int]:
    return {number for row in rows for number, cell in enumerate(row) if cell}


def _filled(row: Row) -> int:
    return sum(bool(cell) for cell in row)
