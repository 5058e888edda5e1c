"""CSV and TSV: one Markdown table under the file's name as its title."""

from __future__ import annotations

import csv
import io
import re

from core.errors import SourceError
from ingestion.loaders.files import Converted, FileLoader, decode, title_from_name

_DELIMITERS = ",;\t|"


class CSVLoader(FileLoader):
    def convert(self, data: bytes) -> Converted:
        text = decode(data)
        csv.field_size_limit(10_000_000)
        try:
            rows = [
                [_cell(cell) for cell in row]
                for row in csv.reader(io.StringIO(text), delimiter=_delimiter(text))
            ]
        except csv.Error as error:
            raise SourceError(f"It is not a readable CSV file ({error}).") from error
        rows = [row for row in rows if any(row)]
        if not rows:
            return Converted("")
        header = [
            re.sub(r"_+", " ", name).strip() if re.fullmatch(r"\w+", name) else name for name in rows[0]
        ]
        title = title_from_name(self.path)
        return Converted(f"# {title}\n\n{table_markdown([header, *rows[1:]])}", title)


def table_markdown(rows: list[list[str]]) -> str:
    """Rows of cells, the first one the header, as a Markdown table; short rows are filled up."""
    width = max(len(row) for row in rows)
    full = [[cell.replace("|", "\\|") for cell in row] + [""] * (width - len(row)) for row in rows]
    lines = ["| " + " | ".join(row) + " |" for row in full]
    return "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]])


def _delimiter(text: str) -> str:
    """The sign that cuts the first lines into the most, and equally many, cells."""
    sample = [line for line in text.split("\n")[:20] if line.strip()]

    def cells(delimiter: str) -> tuple[int, int]:
        widths = [len(row) for row in csv.reader(sample, delimiter=delimiter) if row]
        return (min(widths, default=0), -len(set(widths)))

    return max(_DELIMITERS, key=cells)


def _cell(cell: str) -> str:
    return re.sub(r"\s+", " ", cell).strip()
