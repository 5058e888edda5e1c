"""Running headers, footers and page numbers of a PDF: what stands at the edges of most of its pages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TypeAlias

from ingestion.loaders.pdf_lines import Line

Numbers: TypeAlias = "tuple[str | int, ...]"  # as printed; for one that counts pages, how far it is ahead

_EDGE_LINES = 3  # at the top and at the bottom of a page, where headers and footers stand
_PAGE_NUMBER = re.compile(r"\W*(page|p\.|seite)?\s*#(\s*(of|/|von)\s*#)?\W*", re.IGNORECASE)
_LONGEST_PAGE_NUMBER = 5  # digits
_BLOCK_GAP = 1.8  # type sizes from line to line: what stands further off is no part of the same text
_HEADING_SIZE = 1.15  # times the commonest size of the page


def without_furniture(pages: Sequence[list[Line]]) -> list[list[Line]]:
    """The pages without what stands at the edge of at least half of them, and without page numbers.

    Numbers tell lines apart, but for one that counts up with the pages. A line that counts is furniture only
    apart from the text: `Grade 1` right above the text of page 1 is content.
    """
    seen: Counter[tuple[str, Numbers]] = Counter()
    for lines in pages:
        seen.update({key for line in _edges(lines) for key in (_constant(line), *_counting(line))})
    often = {key for key, times in seen.items() if times >= max(2, len(pages) / 2)}
    return [_kept(lines, often) for lines in pages]


def _kept(lines: list[Line], often: set[tuple[str, Numbers]]) -> list[Line]:
    edges = {id(line) for line in _edges(lines)}
    constant = {id(line) for line in lines if id(line) in edges and _constant(line) in often}
    counting = {id(line) for line in lines if id(line) in edges and not often.isdisjoint(_counting(line))}
    numbers = {id(line) for line in lines if id(line) in edges and _is_page_number(line, often)}
    sizes = Counter(line.size for line in lines if not line.rows for _ in line.text)
    largest = _HEADING_SIZE * sizes.most_common(1)[0][0] if sizes else 0
    apart = {
        id(line)
        for block in _text_blocks(lines)
        if all(id(line) in constant | counting | numbers for line in block)
        for line in block
        if line.size < largest
    }
    furniture = constant | numbers | (counting & apart)
    return [line for line in lines if id(line) not in furniture]


def _edges(lines: list[Line]) -> list[Line]:
    ordered = _downwards(lines)
    return [*ordered[:_EDGE_LINES], *ordered[_EDGE_LINES:][-_EDGE_LINES:]]


def _downwards(lines: list[Line]) -> list[Line]:
    return sorted((line for line in lines if not line.rows), key=lambda line: -line.y)


def _text_blocks(lines: list[Line]) -> Iterator[list[Line]]:
    """Runs of lines from the top down with a gap between one run and the next."""
    ordered = _downwards(lines)
    block = ordered[:1]
    for above, below in pairwise(ordered):
        if above.y - below.y > _BLOCK_GAP * max(above.size, below.size):
            yield block
            block = []
        block.append(below)
    if block:
        yield block


def _constant(line: Line) -> tuple[str, Numbers]:
    return _masked(line), tuple(re.findall(r"\d+", line.text))


def _counting(line: Line) -> Iterator[tuple[str, Numbers]]:
    """The line as it would be told on other pages, once for each number that may be the page's."""
    masked, numbers = _constant(line)
    for place, number in enumerate(numbers):
        if len(str(number)) <= _LONGEST_PAGE_NUMBER:
            yield masked, (*numbers[:place], int(number) - line.page, *numbers[place + 1 :])


def _is_page_number(line: Line, often: set[tuple[str, Numbers]]) -> bool:
    """True for `Page 3 of 9`; for a bare number where it counts, or is that of the page in the file."""
    match = _PAGE_NUMBER.fullmatch(_masked(line))
    if match is None:
        return False
    first = _constant(line)[1][0]
    return bool(match.group(1)) or first == str(line.page + 1) or not often.isdisjoint(_counting(line))


def _masked(line: Line) -> str:
    return re.sub(r"\d+", "#", line.text.casefold())
