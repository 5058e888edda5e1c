"""Running headers and footers of a PDF are dropped; lines that differ in a number are content."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ingestion.loaders.pdf import PDFLoader
from tests.ingestion.making import line, lines, pdf


def text(*pages: Sequence[str]) -> str:
    return PDFLoader("a.pdf", pdf(*pages)).load()[0].page_content


def test_lines_that_differ_in_a_number_are_kept() -> None:
    grades = [(1, "Entry"), (2, "Middle"), (3, "Senior")]
    found = text(
        *(
            lines(
                [
                    f"Grade {grade}",
                    f"Salary: {grade}000 euros",
                    f"Leave: {grade + 20} days",
                    f"{word} level staff.",
                ],
                700,
            )
            for grade, word in grades
        )
    )
    for grade, word in grades:
        assert f"Grade {grade} Salary: {grade}000 euros Leave: {grade + 20} days {word} level staff." in found


@pytest.mark.parametrize("numbers", [(101, 205, 309), (101, 102, 103)])
def test_a_heading_at_the_top_of_each_page_is_kept(numbers: Sequence[int]) -> None:
    pages = [
        [
            line(f"Room {number}", 800, size=16),
            *lines([f"{word} sentence {k} is here." for k in "abcdefg"], 770),
        ]
        for number, word in zip(numbers, ("Alpha", "Beta", "Gamma"), strict=True)
    ]
    found = text(*pages)
    assert all(f"# Room {number}" in found for number in numbers)


def test_a_bare_number_that_does_not_count_pages_is_kept() -> None:
    found = text(
        *(lines([f"{word} costs in euros", price], 700) for word, price in (("A", "70"), ("B", "95")))
    )
    assert found == "A costs in euros 70\n\nB costs in euros 95"


@pytest.mark.parametrize(
    "footer",
    [
        "Version 2.1 of 2026 | {page}",
        "{page} / 12",
        "- {page} -",
        "Seite {page}",
        "Handbook 2026, p. {page} of 12",
    ],
)
def test_running_lines_with_the_pages_number_are_dropped(footer: str) -> None:
    words = ["Alpha", "Beta", "Gamma", "Delta"]
    pages = [
        [
            line("Acme Ltd", 822, size=8),
            line(footer.format(page=number), 810, size=8),
            *lines([f"{word} is said here.", f"{word} is said again."], 700),
            line(footer.format(page=number), 20, size=8),
        ]
        for number, word in enumerate(words, start=9)
    ]
    assert text(*pages) == "\n\n".join(f"{word} is said here. {word} is said again." for word in words)
