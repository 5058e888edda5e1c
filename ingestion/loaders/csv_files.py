"""CSV and TSV: one table, or a section for each record, under the file's name as its title."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from itertools import dropwhile

from core.errors import SourceError
from ingestion.loaders.files import Converted, FileLoader, decode, title_from_name
from ingestion.loaders.limits import at_most_rows
from ingestion.loaders.records import readable_name, records_markdown, text_blocks

_DELIMITERS = ",;\t|"
_SEPARATOR_LINE = re.compile(r"\"?sep=([^\w\s\"]|\t)\"?[ ]*(?:\n|\Z)", re.IGNORECASE)


class CSVLoader(FileLoader):
    """Raises SourceError where there are more than `max_rows` rows with content."""

    def convert(self, data: bytes) -> Converted:
        text = decode(data)
        csv.field_size_limit(10_000_000)
        text, delimiter = _without_separator_line(text)
        try:
            reader = csv.reader(io.StringIO(text), delimiter=delimiter or _delimiter(text))
            filled = (row for row in reader if any(cell.strip() for cell in row))
            rows = [[cell.strip() for cell in row] for row in at_most_rows(filled, self.settings)]
        except csv.Error as error:
            raise SourceError(f"It is not a readable CSV file ({error}).") from error
        if not rows:
            return Converted("")
        title = title_from_name(self.path)
        # Rows of one cell before the header are paragraphs: a title or a note above the table.
        header = next((number for number, row in enumerate(rows) if sum(map(bool, row)) > 1), 0)
        notes = [text_blocks(cell) for row in rows[:header] for cell in row if cell]
        width = max(len(row) for row in rows)
        names = [readable_name(name) for name in rows[header]] + [""] * (width - len(rows[header]))
        table = records_markdown(names, rows[header + 1 :], 2)
        return Converted("\n\n".join([f"# {title}", *notes, table]), title)


def _without_separator_line(text: str) -> tuple[str, str]:
    """The text below the line `sep=;` that Excel writes, and its sign; empty where there is none."""
    match = _SEPARATOR_LINE.match(text)
    return (text[match.end() :], match.group(1)) if match else (text, "")


def _delimiter(text: str) -> str:
    """The sign that cuts most of the first lines into equally many cells, and these into the most."""
    sample = [line for line in text.split("\n")[:20] if line.strip()]

    def cells(delimiter: str) -> tuple[bool, int, int, int]:
        widths = [len(row) for row in csv.reader(sample, delimiter=delimiter) if row]
        rows, width = max(((rows, width) for width, rows in Counter(widths).items()), default=(0, 0))
        others = sum(each != width for each in dropwhile(width.__ne__, widths))  # below the header
        return width > 1, rows, width, -others

    return max(_DELIMITERS, key=cells)
