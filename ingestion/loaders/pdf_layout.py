"""The lines of a PDF as Markdown: headings by their type, paragraphs joined, lists by their marks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ingestion.loaders.pdf_columns import aligned_table
from ingestion.loaders.pdf_lines import Line
from ingestion.loaders.tables import table_markdown

_BULLET = re.compile(r"\s*[•‣▪◦●○■–·*-]\s+(?=\S)")
_NUMBER = re.compile(r"\s*(\d{1,3}[.)]|[a-z][.)])\s+(?=\S)")
_HYPHEN = re.compile(r"[^\W\d_]-$")
_LONGEST_HEADING = 90  # characters
_WIDE_GAP = 1.3  # line pitches that separate paragraphs


@dataclass(slots=True)
class Block:
    """A heading, paragraph, list item or table in the making."""

    kind: str  # heading | paragraph | item | table
    page: int
    text: str = ""
    level: int = 0  # of a heading; depth of an item
    x: float = 0
    rows: list[list[str]] = field(default_factory=list)

    def markdown(self) -> str:
        if self.kind == "heading":
            return f"{'#' * self.level} {self.text}"
        if self.kind == "table":
            return table_markdown(self.rows)
        if self.kind == "item":
            return "   " * self.level + self.text
        return re.sub(r"^(#{1,6}|>|\|)(?=\s)", r"\\\1", self.text)


def blocks(pages: Sequence[list[Line]]) -> list[Block]:
    """The document's blocks in order; a paragraph that runs over the page's end is one block."""
    lines = [line for page in pages for line in page]
    layout = _Layout(lines)
    index = 0
    while index < len(lines):
        index = layout.take(index)
    words = {word for line in lines for word in re.findall(r"[\w-]+", line.text.casefold())}
    for block in layout.found:
        block.text = re.sub(r"([^\W\d_]+)-\x00(\w+)", lambda match: _joined(match, words), block.text)
        block.text = block.text.replace("\x00", "")
    return layout.found


def _joined(match: re.Match[str], words: set[str]) -> str:
    """A word broken at a line's end; the hyphen stays where the document has it within a line elsewhere."""
    first, second = match.groups()
    hyphened = f"{first}-{second}".casefold() in words and f"{first}{second}".casefold() not in words
    return f"{first}-{second}" if hyphened or not second[0].islower() else first + second


class _Layout:
    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self.found: list[Block] = []
        sizes: Counter[float] = Counter()
        printed = [line for line in lines if not line.rows]
        for line in printed:
            sizes[line.size] += len(line.text)
        self.body = sizes.most_common(1)[0][0] if sizes else 0.0
        larger = sorted({line.size for line in printed if line.size >= 1.15 * self.body}, reverse=True)
        self.levels = {size: min(level, 5) for level, size in enumerate(larger, 1)}
        gaps = Counter(
            round(above.y - below.y, 0)
            for above, below in pairwise(printed)
            if above.page == below.page and 0 < above.y - below.y < 3 * self.body
        )
        self.pitch = gaps.most_common(1)[0][0] if gaps else 1.2 * self.body
        self.widest = max((len(line.text) for line in printed), default=0)

    def take(self, index: int) -> int:
        """Puts the line into a block, or several into a table; returns the index of the next line."""
        line = self.lines[index]
        if line.rows:
            self.found.append(Block("table", line.page, rows=[row for row in line.rows if any(row)]))
            return index + 1
        if aligned := aligned_table(self.lines, index, self.pitch):
            rows, end = aligned
            self.found.append(Block("table", line.page, rows=rows))
            return end
        previous = self.lines[index - 1] if index else None
        level = self._heading_level(index)
        last = self.found[-1] if self.found else None
        if level:
            if last and last.kind == "heading" and last.level == level and self._follows(previous, line):
                last.text += " " + line.text
            else:
                self.found.append(Block("heading", line.page, line.text, level))
        elif mark := _BULLET.match(line.text):
            self._item(line, "- " + line.text[mark.end() :])
        elif _NUMBER.match(line.text) and self._starts_item(line, previous, last):
            self._item(line, line.text)
        elif (
            last and last.kind in ("paragraph", "item") and previous and self._continues(last, previous, line)
        ):
            last.text += ("\x00" if _HYPHEN.search(last.text) else " ") + line.text
        else:
            self.found.append(Block("paragraph", line.page, line.text, x=line.x))
        return index + 1

    def _item(self, line: Line, text: str) -> None:
        last = self.found[-1] if self.found else None
        depth = 0
        if last and last.kind == "item":
            step = line.x - last.x
            depth = last.level + (1 if step > 6 else 0)
            if step < -6:
                depth = next(
                    (b.level for b in reversed(self.found) if b.kind == "item" and abs(b.x - line.x) <= 6), 0
                )
        self.found.append(Block("item", line.page, text, depth, line.x))

    def _starts_item(self, line: Line, previous: Line | None, last: Block | None) -> bool:
        """False for a sentence that only happens to go on with a number at the start of a line."""
        if last is None or previous is None or last.kind not in ("paragraph", "item"):
            return True
        return (
            not self._follows(previous, line)
            or abs(line.x - previous.x) > 4
            or self._ends(previous)
            or last.kind == "item"
        )

    def _heading_level(self, index: int) -> int:
        line = self.lines[index]
        if len(line.text) > _LONGEST_HEADING or not re.search(r"[^\W\d_]", line.text):
            return 0
        if line.size in self.levels:
            return self.levels[line.size]
        following = self.lines[index + 1] if index + 1 < len(self.lines) else None
        alone = line.bold and following is not None and not following.bold
        if alone and line.size >= self.body and not line.text.endswith((".", ",", ";", ":")):
            return min(len(self.levels) + 1, 6)
        return 0

    def _continues(self, last: Block, previous: Line, line: Line) -> bool:
        if previous.page != line.page:
            return not re.search(r"[.!?:;]$", last.text) and line.text[:1].islower()
        if not self._follows(previous, line):
            return False
        if last.kind == "item" and line.x < last.x - 2:
            return False
        return not self._ends(previous) or len(previous.text) > 0.75 * self.widest

    def _ends(self, line: Line) -> bool:
        return line.text.endswith((".", "!", "?", ":", ";"))

    def _follows(self, previous: Line | None, line: Line) -> bool:
        """True where it stands right below the line before."""
        if previous is None or previous.page != line.page:
            return False
        return 0 < previous.y - line.y <= _WIDE_GAP * max(self.pitch, line.size * 1.1)
