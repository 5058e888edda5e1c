"""Tables of a PDF page that are drawn with lines or boxes: their cells are where the lines are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

_TOUCHING = 3.0  # points within which two lines are the same, or meet
_THIN = 2.5  # points up to which a box is a drawn line
_SHORTEST = 8.0  # points; shorter ones are bullets, ticks and parts of figures


@dataclass(frozen=True, slots=True)
class Box:
    left: float
    bottom: float
    right: float
    top: float

    def touches(self, other: Box) -> bool:
        return (
            self.left <= other.right + _TOUCHING
            and other.left <= self.right + _TOUCHING
            and self.bottom <= other.top + _TOUCHING
            and other.bottom <= self.top + _TOUCHING
        )

    def around(self, other: Box) -> Box:
        return Box(
            min(self.left, other.left),
            min(self.bottom, other.bottom),
            max(self.right, other.right),
            max(self.top, other.top),
        )


@dataclass(slots=True)
class Grid:
    """Where a table's rows and columns meet: `ys` from the top down, `xs` from left to right."""

    ys: list[float]
    xs: list[float]

    def cell(self, x: float, y: float) -> tuple[int, int] | None:
        """Row and column of a point, or None outside."""
        row, column = sum(y < edge for edge in self.ys) - 1, sum(x >= edge - 1 for edge in self.xs) - 1
        inside = 0 <= row < len(self.ys) - 1 and 0 <= column < len(self.xs) - 1
        return (row, column) if inside else None


@dataclass(slots=True)
class Drawing:
    """Collects what a page draws; the operands are those of the PDF operators `re`, `m` and `l`."""

    boxes: list[Box] = field(default_factory=list)
    pen: tuple[float, float] = (0, 0)

    def take(self, operator: bytes, operands: Sequence[float], matrix: Sequence[float]) -> None:
        if operator == b"re":
            x, y, width, height = (float(value) for value in operands[:4])
            self._add(_point(x, y, matrix), _point(x + width, y + height, matrix))
        elif operator in (b"m", b"l"):
            point = _point(float(operands[0]), float(operands[1]), matrix)
            if operator == b"l" and (abs(point[0] - self.pen[0]) < 1 or abs(point[1] - self.pen[1]) < 1):
                self._add(self.pen, point)
            self.pen = point

    def grids(self, page: Box) -> list[Grid]:
        """Grids of at least two rows and two columns, from the top of the page down."""
        groups: list[tuple[Box, list[Box]]] = []
        for box in self.boxes:
            if box.right - box.left > 0.98 * (page.right - page.left):
                continue  # a page's background or frame
            joined, members = box, [box]
            for other in [group for group in groups if group[0].touches(box)]:
                groups.remove(other)
                joined, members = joined.around(other[0]), members + other[1]
            groups.append((joined, members))
        grids = [_grid(members) for _, members in groups]
        return sorted((grid for grid in grids if grid is not None), key=lambda grid: -grid.ys[0])

    def _add(self, first: tuple[float, float], second: tuple[float, float]) -> None:
        box = Box(*map(min, first, second), *map(max, first, second))
        if max(box.right - box.left, box.top - box.bottom) >= _SHORTEST:
            self.boxes.append(box)


def _point(x: float, y: float, matrix: Sequence[float]) -> tuple[float, float]:
    a, b, c, d, e, f = matrix
    return x * a + y * c + e, x * b + y * d + f


def _grid(boxes: Sequence[Box]) -> Grid | None:
    xs: list[float] = []
    ys: list[float] = []
    for box in boxes:
        if box.right - box.left > _THIN:  # not an upright line
            ys += [box.bottom, box.top]
        if box.top - box.bottom > _THIN:  # not a level one
            xs += [box.left, box.right]
    grid = Grid(_distinct(ys)[::-1], _distinct(xs))
    return grid if len(grid.xs) > 2 and len(grid.ys) > 2 else None


def _distinct(values: Iterable[float]) -> list[float]:
    found: list[float] = []
    for value in sorted(values):
        if not found or value - found[-1] > _TOUCHING:
            found.append(value)
    return found
