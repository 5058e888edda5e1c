"""CSV and TSV: one table, or a section for each record, under the file's name as its title."""

from __future__ import annotations

import csv
import io

from core.errors import SourceError
from ingestion.loaders.files import Converted, FileLoader, decode, title_from_name
from ingestion.loaders.limits import at_most_rows
from ingestion.loaders.records import readable_name, records_markdown

_DELIMITERS = ",;\t|"


class CSVLoader(FileLoader):
    """Raises SourceError where there are more than `max_rows` rows with content."""

    def convert(self, data: bytes) -> Converted:
        text = decode(data)
        csv.field_size_limit(10_000_000)
        try:
            reader = csv.reader(io.StringIO(text), delimiter=_delimiter(text))
            filled = (row for row in reader if any(cell.strip() for cell in row))
            rows = [[cell.strip() for cell in row] for row in at_most_rows(filled, self.settings)]
        except csv.Error as error:
            raise SourceError(f"It is not a readable CSV file ({error}).") from error
        if not rows:
            return Converted("")
        title = title_from_name(self.path)
        width = max(len(row) for row in rows)
        names = [readable_name(name) for name in rows[0]] + [""] * (width - len(rows[0]))
        return Converted(f"# {title}\n\n{records_markdown(names, rows[1:], 2)}", title)


def _delimiter(text: str) -> str:
    """The sign that cuts the first lines into the most, and equally many, cells."""
    sample = [line for line in text.split("\n")[:20] if line.strip()]

    def cells(delimiter: str) -> tuple[int, int]:
        widths = [len(row) for row in csv.reader(sample, delimiter=delimiter) if row]
        return (min(widths, default=0), -len(set(widths)))

    return max(_DELIMITERS, key=cells)
