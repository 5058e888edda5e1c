"""The shapes of a slide as Markdown: paragraphs, lists by level, tables, charts; groups member by member."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pptx.enum.shapes import PP_PLACEHOLDER
from pptx.oxml.ns import qn
from pptx.shapes.group import GroupShape

from core.settings import IngestionSettings
from ingestion.loaders.limits import nested_too_deeply
from ingestion.loaders.records import one_line, text_blocks
from ingestion.loaders.tables import table_markdown

_FURNITURE = (
    PP_PLACEHOLDER.DATE,
    PP_PLACEHOLDER.FOOTER,
    PP_PLACEHOLDER.HEADER,
    PP_PLACEHOLDER.SLIDE_NUMBER,
)
_LISTED = (PP_PLACEHOLDER.BODY, PP_PLACEHOLDER.OBJECT, PP_PLACEHOLDER.VERTICAL_BODY)
_MARKS = (qn("a:buChar"), qn("a:buAutoNum"), qn("a:buBlip"))


def shape_blocks(shape: Any, settings: IngestionSettings, depth: int = 1) -> Iterator[str]:
    """What a shape says. Raises SourceError where groups are nested deeper than `max_nesting`."""
    if depth > settings.max_nesting:
        raise nested_too_deeply(settings)
    if isinstance(shape, GroupShape):
        for member in shape.shapes:
            yield from shape_blocks(member, settings, depth + 1)
        return
    kind = shape.placeholder_format.type if shape.is_placeholder else None
    if kind in _FURNITURE:
        return
    if shape.has_table:
        yield from _table(shape.table)
    elif shape.has_chart:
        yield from _chart(shape.chart)
    elif shape.has_text_frame:
        yield from frame_blocks(shape.text_frame, listed=kind in _LISTED)


def frame_blocks(frame: Any, *, listed: bool) -> Iterator[str]:
    """Paragraphs and lists; in a frame that is `listed` each of several paragraphs is an item by default."""
    paragraphs = [(paragraph, text) for paragraph in frame.paragraphs if (text := _text(paragraph))]
    listed = listed and len(paragraphs) > 1
    items: list[str] = []
    for paragraph, text in paragraphs:
        if _is_item(paragraph, listed):
            items.append(f"{'  ' * paragraph.level}- {one_line(text)}")
            continue
        if items:
            yield "\n".join(items)
            items = []
        yield text_blocks(text)
    if items:
        yield "\n".join(items)


def _text(paragraph: Any) -> str:
    lines = (one_line(line) for line in paragraph.text.split("\v"))
    return "\n".join(line for line in lines if line)


def _is_item(paragraph: Any, listed: bool) -> bool:
    properties = paragraph._p.pPr
    if properties is not None:
        if any(properties.find(mark) is not None for mark in _MARKS):
            return True
        if properties.find(qn("a:buNone")) is not None:
            return False
    return listed or paragraph.level > 0


def _table(table: Any) -> Iterator[str]:
    rows: list[list[str]] = []
    for row in table.rows:
        texts = [_cell(cell) for cell in row.cells]
        for column, cell in enumerate(row.cells):
            if rows and cell.is_spanned and cell._tc.vMerge and column < len(rows[-1]):
                texts[column] = rows[-1][column]
        rows.append(texts)
    rows = [row for row in rows if any(row)]
    if len(rows) > 1 and len(rows[0]) > 1:
        yield table_markdown(rows)
    else:
        yield from (cell for row in rows for cell in row if cell)


def _cell(cell: Any) -> str:
    return one_line("; ".join(text for paragraph in cell.text_frame.paragraphs if (text := _text(paragraph))))


def _chart(chart: Any) -> Iterator[str]:
    """The figures that a chart draws, as a table: a row for each category, a column for each series."""
    if chart.has_title and chart.chart_title.has_text_frame:
        yield one_line(chart.chart_title.text_frame.text)
    plots = list(chart.plots)
    if not plots:
        return
    categories = [one_line(str(category)) for category in plots[0].categories]
    series = [one for plot in plots for one in plot.series if hasattr(one, "values")]
    columns = [[_figure(value) for value in one.values] for one in series]
    names = [""] + [one_line(one.name or "") for one in series]
    rows = [
        [category, *(column[number] if number < len(column) else "" for column in columns)]
        for number, category in enumerate(categories)
    ]
    if rows and columns:
        yield table_markdown([names, *rows])


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"
