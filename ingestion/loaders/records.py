"""Records with the same fields (rows of a sheet, objects of a list) as Markdown: a table, or sections.

Short values are read best as the rows of a table. Where values are texts, each record becomes a section of
its own: its title or question as the heading, texts as paragraphs, the rest as `- name: value`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import fmean

from ingestion.loaders.tables import table_markdown

_LONG = 200  # characters that a column's values have on average where it holds texts
_LONGEST_CELL = 600
_LONGEST_HEADING = 150  # characters
_LONGEST_ITEM = 160
_QUESTIONS = ("question", "q")
_HEADINGS = (*_QUESTIONS, "title", "name", "heading", "headline", "subject", "topic", "term", "summary")
_ANSWERS = (
    "answer",
    "a",
    "body",
    "text",
    "content",
    "description",
    "response",
    "reply",
    "solution",
    "definition",
)


def readable_name(name: str) -> str:
    """`max_temp` and `maxTemp` -> `max temp`; other names stay as they are."""
    name = re.sub(r"\s+", " ", name).strip()
    if re.fullmatch(r"[a-z]{2,}(?:[A-Z][a-z]+)+", name):
        return re.sub(r"[A-Z]", lambda letter: f" {letter.group().lower()}", name)
    return (re.sub(r"_+", " ", name).strip() or name) if re.fullmatch(r"\w+", name) else name


def one_line(value: str) -> str:
    return re.sub(r"\s+", " ", value).strip()


def records_markdown(names: Sequence[str], rows: Sequence[Sequence[str]], level: int) -> str:
    """One table; of texts, and of questions with answers, sections with headings of `level`."""
    columns = [[row[number] for row in rows if number < len(row)] for number in range(len(names))]
    known = {name.casefold() for name in names}
    asks = not known.isdisjoint(_QUESTIONS) and not known.isdisjoint(_ANSWERS)
    if len(names) > 1 and (asks or any(_holds_texts(column) for column in columns)):
        heading = heading_column(names, rows)
        return "\n\n".join(record_section(names, row, heading, level) for row in rows if any(row))
    return table_markdown(
        [[one_line(name) for name in names], *([one_line(cell) for cell in row] for row in rows)]
    )


def heading_column(names: Sequence[str], rows: Sequence[Sequence[str]]) -> int | None:
    """The column whose values name the records: by its own name, else the first with short distinct ones."""
    plain = [name.casefold() for name in names]
    for wanted in _HEADINGS:
        if wanted in plain and _can_name(rows, plain.index(wanted)):
            return plain.index(wanted)
    return next((number for number in range(len(names)) if _can_name(rows, number)), None)


def record_section(names: Sequence[str], row: Sequence[str], heading: int | None, level: int) -> str:
    """One record: heading, texts, then the short values as a list."""
    fields = [(name, value.strip()) for name, value in zip(names, row, strict=False)]
    blocks = [f"{'#' * min(level, 6)} {one_line(fields[heading][1])}"] if heading is not None else []
    items: list[str] = []
    texts: list[str] = []
    for number, (name, value) in enumerate(fields):
        if number == heading or not value:
            continue
        if name.casefold() in _ANSWERS:
            texts.insert(0, text_blocks(value))
        elif len(value) > _LONGEST_ITEM or "\n" in value:
            texts.append(f"{name}:\n\n{text_blocks(value)}")
        else:
            items.append(f"- {name}: {value}" if name else f"- {value}")
    return "\n\n".join([*blocks, *texts, *(["\n".join(items)] if items else [])])


def text_blocks(value: str) -> str:
    """A text of many lines as Markdown; it may hold lists and tables, but no headings."""
    return re.sub(
        r"^( {0,3})(?=#{1,6}\s|={3,}\s*$|-{2,}\s*$)", r"\1\\", value.strip("\n"), flags=re.MULTILINE
    )


def _holds_texts(column: Sequence[str]) -> bool:
    filled = [len(value) for value in column if value]
    return bool(filled) and (fmean(filled) > _LONG or max(filled) > _LONGEST_CELL)


def _can_name(rows: Sequence[Sequence[str]], number: int) -> bool:
    values = [row[number].strip() if number < len(row) else "" for row in rows]
    named = all(value and len(value) <= _LONGEST_HEADING and re.search(r"[^\W\d]", value) for value in values)
    return named and len(set(values)) > len(values) * 0.9
