"""Merged cells of a sheet: the one value of a merge down a column stands in each of its rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from openpyxl.utils.cell import range_boundaries

_MERGE = re.compile(rb"<(?:\w+:)?mergeCell\b[^>]*?\bref=\"([A-Z]{1,3}\d+:[A-Z]{1,3}\d+)\"")
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_BLOCK = 1 << 20
_TAIL = 200  # bytes of a block that may hold the beginning of an element


@dataclass(frozen=True, slots=True)
class Merge:
    column: int  # from 0
    first_row: int  # from 1
    last_row: int


def scanned(sheet: Any) -> tuple[list[Merge], bool]:
    """The merges of more than one row, and whether there are formulas.

    openpyxl leaves the merges out where it reads row by row.
    """
    found: list[Merge] = []
    formulas = False
    with sheet._get_source() as source:
        before = b""
        while block := source.read(_BLOCK):
            text = before + block
            formulas = formulas or _FORMULA.search(text) is not None
            end = 0
            for match in _MERGE.finditer(text):
                end = match.end()
                left, top, _, bottom = range_boundaries(match.group(1).decode("ascii"))
                if left and top and bottom and bottom > top:
                    found.append(Merge(left - 1, top, bottom))
            before = text[max(end, len(text) - _TAIL) :]
    return found, formulas


class Merges:
    """Fills rows that come in their order."""

    def __init__(self, ranges: Sequence[Merge]) -> None:
        self._waiting = sorted(ranges, key=lambda merge: merge.first_row, reverse=True)
        self._open: dict[int, tuple[Merge, str]] = {}  # column -> the merge that is open there, its value

    def filled(self, number: int, row: list[str]) -> list[str]:
        """Row `number` (from 1) with the values of the merges that it is a part of."""
        while self._waiting and self._waiting[-1].first_row <= number:
            merge = self._waiting.pop()
            if merge.first_row == number and merge.column < len(row):
                self._open[merge.column] = (merge, row[merge.column])
        for column, (merge, value) in list(self._open.items()):
            if merge.last_row < number:
                del self._open[column]
            elif column < len(row) and not row[column]:
                row[column] = value
        return row
