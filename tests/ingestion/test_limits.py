"""What a file may ask of the machine: each limit is named, and just below it all is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ingestion.making import line, loaded, pdf, refusal

TOO_DEEP = "It is nested too deeply; the limit is 100 levels (INHOUSE_INGESTION__MAX_NESTING)."


def test_a_pdf_of_more_pages_than_the_limit_is_named(tmp_path: Path) -> None:
    pages = pdf(*[[line(f"Rule {number} of it.", 700)] for number in range(5)])
    expected = "It has 5 pages; the limit is 4 (INHOUSE_INGESTION__MAX_PAGES)."
    assert refusal(tmp_path, "a.pdf", pages, max_pages=4) == expected
    assert loaded(tmp_path, "a.pdf", pages, max_pages=5).metadata["pages"] == 5


@pytest.mark.timeout(60)
def test_thousands_of_pages_are_counted_before_they_are_read(tmp_path: Path) -> None:
    pages = pdf(*[[line("x", 700)]] * 3001)
    expected = "It has 3,001 pages; the limit is 3,000 (INHOUSE_INGESTION__MAX_PAGES)."
    assert refusal(tmp_path, "a.pdf", pages, max_pages=3000) == expected


def test_csv_rows_with_content_are_counted(tmp_path: Path) -> None:
    content = "k,n\n" + "".join(f"a{number},{number}\n,\n" for number in range(9))
    assert loaded(tmp_path, "a.csv", content, max_rows=10).text.endswith("| a8 | 8 |")
    expected = "It has more than 9 rows; the limit is 9 (INHOUSE_INGESTION__MAX_ROWS)."
    assert refusal(tmp_path, "a.csv", content, max_rows=9) == expected


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "page",
    [
        "<div>" * 150 + "x",
        "<div>" * 300_000 + "x",
        "".join(f"<x{number}>" for number in range(100_000)) + "x",
        "<div></b></i>" * 100_000 + "x",
        "<ul><li>" * 1000 + "x",
        "<dl><dd>" * 1000 + "x",
        "<table><tr><td>" * 1000 + "x",
    ],
    ids=["a little", "a lot", "names", "closed", "lists", "definitions", "tables"],
)
def test_html_that_is_nested_deeper_than_the_limit_is_named(tmp_path: Path, page: str) -> None:
    assert refusal(tmp_path, "a.html", f"<html>{page}") == TOO_DEEP


def test_html_that_is_long_but_flat_is_read(tmp_path: Path) -> None:
    page = "<html>" + "<p>word<li>x<br><img>" * 5000 + "<div>" * 90 + "deep"
    assert loaded(tmp_path, "a.html", page).text.endswith("deep")


def test_html_in_markdown_has_the_same_limit(tmp_path: Path) -> None:
    nested = "<ul><li>" * 200 + "x" + "</li></ul>" * 200
    assert refusal(tmp_path, "a.md", f"# T\n\n{nested}\n") == TOO_DEEP


def test_front_matter_without_end_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a.md", f"---\na: {'[' * 5000}\n---\nx") == TOO_DEEP


def test_definitions_in_definitions_come_once(tmp_path: Path) -> None:
    inner = "<div><dt>A<dd>one<dl><dt>B<dd>two</dl></div>"
    page = f"<html><dl>{inner}<dt>C<dd><pre>x\ny</pre><dt>D<dd><pre></pre></dl>"
    expected = "- **A:** one\n  - **B:** two\n- **C:**\n  ```\n  x\n  y\n  ```"
    assert loaded(tmp_path, "a.html", page).text == expected
