"""Rows of cells as Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence


def table_markdown(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells, the first one the header, as a Markdown table; short rows are filled up."""
    width = max(len(row) for row in rows)
    full = [[cell.replace("|", "\\|") for cell in row] + [""] * (width - len(row)) for row in rows]
    lines = ["| " + " | ".join(row) + " |" for row in full]
    return "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]])
