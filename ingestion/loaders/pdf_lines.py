"""The printed lines of a PDF with their places and type sizes."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pypdf import PageObject

from ingestion.loaders.pdf_grid import Box, Drawing, Grid


@dataclass(frozen=True, slots=True)
class Fragment:
    """Text that was printed in one go, at (x, y) in points from the lower left corner; `size` in points."""

    text: str
    x: float
    y: float
    size: float
    bold: bool


@dataclass(slots=True)
class Line:
    """A printed line; or a table that is drawn with lines, and then `rows` are its cells."""

    page: int  # from 0
    fragments: list[Fragment] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(fragment.text for fragment in self.fragments)).strip()

    @property
    def x(self) -> float:
        return self.fragments[0].x

    @property
    def y(self) -> float:
        return self.fragments[0].y

    @property
    def size(self) -> float:
        """The size of most of its characters."""
        sizes: Counter[float] = Counter()
        for fragment in self.fragments:
            sizes[round(fragment.size, 1)] += len(fragment.text.strip())
        return sizes.most_common(1)[0][0]

    @property
    def bold(self) -> bool:
        return all(fragment.bold for fragment in self.fragments if fragment.text.strip())


def page_lines(page: PageObject, number: int) -> list[Line]:
    """The page's lines in the order of its content stream, which is the reading order in nearly all files."""
    fragments, grids = _printed(page)
    lines: list[Line] = []
    tables: dict[int, Line] = {}
    for fragment in fragments:
        place = _place(fragment, grids)
        if place is not None:
            grid, row, column = place
            if grid not in tables:
                cells = [[""] * (len(grids[grid].xs) - 1) for _ in grids[grid].ys[1:]]
                tables[grid] = Line(number, rows=cells)
                lines.append(tables[grid])
            tables[grid].fragments.append(fragment)
            cell = tables[grid].rows[row][column]
            tables[grid].rows[row][column] = f"{cell} {fragment.text.strip()}".strip()
        elif lines and not lines[-1].rows and _same_line(lines[-1].fragments[-1], fragment):
            lines[-1].fragments.append(fragment)
        else:
            lines.append(Line(number, [fragment]))
    return [line for line in lines if line.text]


def _printed(page: PageObject) -> tuple[list[Fragment], list[Grid]]:
    fragments: list[Fragment] = []
    drawing = Drawing()

    def text(
        text: str, cm: Sequence[float], tm: Sequence[float], font: dict[str, Any] | None, size: float
    ) -> None:
        if not text.strip():
            if fragments and text:
                fragments[-1] = replace(fragments[-1], text=fragments[-1].text + " ")
            return
        x = tm[4] * cm[0] + tm[5] * cm[2] + cm[4]
        y = tm[4] * cm[1] + tm[5] * cm[3] + cm[5]
        scale = math.sqrt(abs(tm[0] * tm[3] - tm[1] * tm[2]) * abs(cm[0] * cm[3] - cm[1] * cm[2]))
        name = str((font or {}).get("/BaseFont", "")).lower()
        bold = any(word in name for word in ("bold", "black", "heavy"))
        fragments.append(Fragment(text.replace("\n", " "), x, y, size * (scale or 1), bold))

    def operand(operator: bytes, operands: Sequence[Any], cm: Sequence[float], tm: Sequence[float]) -> None:
        if operator in (b"re", b"m", b"l"):
            drawing.take(operator, operands, cm)

    page.extract_text(visitor_text=text, visitor_operand_before=operand)
    left, bottom, right, top = (float(edge) for edge in page.mediabox)
    return fragments, drawing.grids(Box(left, bottom, right, top))


def _place(fragment: Fragment, grids: Sequence[Grid]) -> tuple[int, int, int] | None:
    """Grid, row and column of the fragment, or None outside of all grids."""
    for number, grid in enumerate(grids):
        if cell := grid.cell(fragment.x, fragment.y + 0.3 * fragment.size):
            return number, *cell
    return None


def _same_line(last: Fragment, fragment: Fragment) -> bool:
    return abs(last.y - fragment.y) <= 0.3 * max(last.size, fragment.size, 1) and fragment.x >= last.x
