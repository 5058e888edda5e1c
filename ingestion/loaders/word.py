"""Word documents by python-docx: headings, paragraphs, lists and tables in order; no deleted revisions."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from zipfile import BadZipFile

from docx import Document as open_docx
from docx.document import Document as WordDocument
from docx.opc.exceptions import PackageNotFoundError
from docx.oxml.ns import qn
from docx.oxml.table import CT_Tbl, CT_Tc
from docx.parts.document import DocumentPart
from docx.table import Table
from docx.text.paragraph import Paragraph

from core.errors import SourceError
from ingestion.loaders.archives import check_unpacked
from ingestion.loaders.files import Converted, FileLoader
from ingestion.loaders.tables import table_markdown
from ingestion.loaders.word_text import content, text_of

_MOST_COLUMNS = 1000


class WordLoader(FileLoader):
    def convert(self, data: bytes) -> Converted:
        check_unpacked(data, self.settings)
        try:
            document = open_docx(io.BytesIO(data))
        except (PackageNotFoundError, BadZipFile, KeyError, ValueError, SyntaxError) as error:
            raise SourceError(f"It is not a readable Word document ({error}).") from error
        title = document.core_properties.title.strip()
        styled = next((text for level, text in _headings(document) if level == 1), "")
        return Converted(_markdown(document), styled or title)


def _headings(document: WordDocument) -> Iterator[tuple[int, str]]:
    for paragraph in _paragraphs(document):
        if (level := _level(paragraph)) and (text := text_of(paragraph._p)):
            yield level, text
            if level == 1:
                return


def _paragraphs(document: WordDocument) -> list[Paragraph]:
    return [block for block in _blocks(document) if isinstance(block, Paragraph)]


def _blocks(document: WordDocument) -> Iterator[Paragraph | Table]:
    """The body's paragraphs and tables in order, those inside content controls included."""
    for element in content(document.element.body, qn("w:p"), qn("w:tbl")):
        yield Table(element, document) if isinstance(element, CT_Tbl) else Paragraph(element, document)


def _markdown(document: WordDocument) -> str:
    titled = any(_style(paragraph) == "title" for paragraph in _paragraphs(document))
    headed = any(_level(paragraph) for paragraph in _paragraphs(document))
    numbers: dict[int, int] = {}  # depth -> last number used
    text = ""
    in_list = False
    for block in _blocks(document):
        if isinstance(block, Table):
            part, is_item = _table(block), False
        else:
            part, is_item = _paragraph(block, numbers, deeper=titled, guess=not headed)
        if not part:
            continue
        if not is_item:
            numbers.clear()
        text += ("\n" if in_list and is_item else "\n\n") if text else ""
        text += part
        in_list = is_item
    return text


def _paragraph(
    paragraph: Paragraph, numbers: dict[int, int], *, deeper: bool, guess: bool
) -> tuple[str, bool]:
    """The paragraph as Markdown, and whether it is a list item; below a Title, headings go one level down."""
    text = text_of(paragraph._p)
    if not text:
        return "", False
    flat = text.replace("\n", " ")
    if level := _level(paragraph):
        return f"{'#' * min(level + (deeper and _style(paragraph) != 'title'), 6)} {flat}", False
    if guess and _is_bold_line(paragraph, flat):
        return f"## {flat}", False
    depth, ordered = _list_place(paragraph)
    if depth is None:
        return re.sub(r"^(#{1,6}|>|[-+*]|\|)(?=\s)", r"\\\1", text), False
    for deeper_depth in [known for known in numbers if known > depth]:
        del numbers[deeper_depth]
    numbers[depth] = numbers.get(depth, 0) + 1
    return "   " * depth + (f"{numbers[depth]}. " if ordered else "- ") + flat, True


def _style(paragraph: Paragraph) -> str:
    return (paragraph.style.name or "").lower() if paragraph.style is not None else ""


def _level(paragraph: Paragraph) -> int:
    """1 to 6 for a heading or the title, else 0."""
    style = _style(paragraph)
    if style == "title":
        return 1
    match = re.match(r"heading (\d)", style)
    return min(int(match.group(1)), 6) if match else 0


def _is_bold_line(paragraph: Paragraph, text: str) -> bool:
    """A heading by looks, in a document that has none by style."""
    runs = [run for run in paragraph.runs if run.text.strip()]
    return bool(runs) and all(run.bold for run in runs) and len(text) <= 80 and text[-1] not in ".:;,"


def _list_place(paragraph: Paragraph) -> tuple[int | None, bool]:
    """The depth of a list item (None where it is none), and whether it is numbered."""
    style = re.match(r"list (bullet|number)(?: (\d))?", _style(paragraph))
    if style:
        return int(style.group(2) or 1) - 1, style.group(1) == "number"
    number_id = next(iter(paragraph._p.xpath("w:pPr/w:numPr/w:numId/@w:val")), "0")
    if number_id == "0":
        return None, False
    depth = int(next(iter(paragraph._p.xpath("w:pPr/w:numPr/w:ilvl/@w:val")), "0"))
    return depth, _number_format(paragraph, number_id, depth) not in ("bullet", "none")


def _number_format(paragraph: Paragraph, number_id: str, depth: int) -> str:
    """`bullet`, `decimal`, ... as the document's numbering part defines it."""
    part = paragraph.part
    if not isinstance(part, DocumentPart):
        return "bullet"
    try:
        numbering = part.numbering_part.element
    except (KeyError, NotImplementedError):  # a list without the part that numbers it
        return "bullet"
    abstract = numbering.xpath(f"w:num[@w:numId='{number_id}']/w:abstractNumId/@w:val")
    level = f"w:lvl[@w:ilvl='{depth}']/w:numFmt/@w:val"
    formats = numbering.xpath(f"w:abstractNum[@w:abstractNumId='{abstract[0]}']/{level}") if abstract else []
    return str(formats[0]) if formats else "bullet"


def _table(table: Table) -> str:
    """A cell merged down stands in each of its rows, one merged across only in its first column."""
    rows: list[list[str]] = []
    for row in content(table._tbl, qn("w:tr")):
        cells: list[str] = []
        for cell in content(row, qn("w:tc")):
            column = len(cells)
            if cell.grid_span > _MOST_COLUMNS or column > _MOST_COLUMNS:
                raise SourceError(
                    f"A table in it has more than {_MOST_COLUMNS} columns; it is not a real one."
                )
            goes_on = cell.vMerge == "continue" and rows and column < len(rows[-1])
            cells.append(rows[-1][column] if goes_on else _cell(cell))
            cells += [""] * (cell.grid_span - 1)
        rows.append(cells)
    rows = [cells for cells in rows if any(cells)]
    if not rows:
        return ""
    if max(len(row) for row in rows) < 2 or len(rows) < 2:
        return "\n\n".join(cell for row in rows for cell in row if cell)
    return table_markdown(rows)


def _cell(cell: CT_Tc) -> str:
    """The cell on one line; a table inside it as its rows, each with semicolons between its cells."""
    parts: list[str] = []
    for element in content(cell, qn("w:p"), qn("w:tbl")):
        if isinstance(element, CT_Tbl):
            rows = [
                "; ".join(filter(None, map(_cell, content(row, qn("w:tc")))))
                for row in content(element, qn("w:tr"))
            ]
            parts.append(". ".join(filter(None, rows)))
        else:
            parts.append(text_of(element).replace("\n", " "))
    return " ".join(filter(None, parts))
