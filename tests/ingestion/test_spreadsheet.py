"""Excel workbooks: what a person sees in the sheets, and files that claim more than they hold."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
from openpyxl import Workbook
from openpyxl.chart import BarChart

from ingestion.loaders.spreadsheet import SpreadsheetLoader
from ingestion.loaders.spreadsheet_values import shown
from tests.ingestion.making import loaded, part, refusal, saved, with_parts

SHEET = "xl/worksheets/sheet1.xml"


def limits() -> Workbook:
    book = Workbook()
    sheet = book.active
    sheet.title = "Travel limits"
    rows = [
        ["Travel limits 2026"],
        [],
        ["country", None, "city", "hotel_limit", "valid_from"],
        ["Germany", None, "Berlin", 140, date(2026, 1, 1)],
        [None, None, "Munich", 165.5, datetime(2026, 2, 1, 9, 30)],
        [],
        ["France", None, "Paris", 1800, None],
    ]
    for row in rows:
        sheet.append(row)
    sheet.merge_cells("A4:A5")
    for number in (4, 5, 7):
        sheet[f"D{number}"].number_format = "#,##0.00 [$€-407]"
    return book


def text(book: Workbook) -> str:
    return SpreadsheetLoader("travel-limits.xlsx", saved(book)).load()[0].page_content


def test_a_sheet_is_a_section_with_its_table() -> None:
    assert text(limits()) == (
        "# Travel limits\n\n## Travel limits\n\nTravel limits 2026\n\n"
        "| country | city | hotel limit | valid from |\n| --- | --- | --- | --- |\n"
        "| Germany | Berlin | 140.00 € | 2026-01-01 |\n| Germany | Munich | 165.50 € | 2026-02-01 09:30 |\n"
        "| France | Paris | 1,800.00 € |  |"
    )


def test_hidden_and_empty_sheets_and_charts_are_left_out() -> None:
    book = limits()
    for name, state in (("secret", "hidden"), ("worse", "veryHidden"), ("empty", "visible")):
        sheet = book.create_sheet(name)
        sheet.sheet_state = state
        sheet["A1"] = None if name == "empty" else "do not show"
    book.create_chartsheet("chart").add_chart(BarChart())
    assert "show" not in text(book)
    assert text(book).count("## ") == 1


def test_the_only_sheet_needs_no_name_of_its_own() -> None:
    book = Workbook()
    book.active.append(["a", "b"])
    book.active.append([1, 2])
    assert text(book) == "# Travel limits\n\n| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_questions_with_long_answers_are_sections() -> None:
    book = Workbook()
    for row in (["Question", "Answer", "Owner"], ["Who pays?", "The company.\nAlways.", "HR"]):
        book.active.append(row)
    assert text(book) == "# Travel limits\n\n## Who pays?\n\nThe company.\nAlways.\n\n- Owner: HR"


@pytest.mark.parametrize(
    ("value", "number_format", "expected"),
    [
        (0.115, "0.0%", "11.5%"),
        (1, "0%", "100%"),
        (1234.5, "#,##0.00", "1,234.50"),
        (1234.5, '"$"#,##0.00_);[Red]("$"#,##0.00)', "$1,234.50"),
        (-5, "[$€-407] #,##0", "-€5"),
        (12, '#,##0 "EUR"', "12 EUR"),
        (0.1 + 0.2, "General", "0.3"),
        (3.0, "General", "3"),
        (2.5, "0.##", "2.5"),
        (2.0, "0.##", "2"),
        (12345678901234, "General", "12345678901234"),
        (1234, "00000", "01234"),
        (-42, '"EMP-"0000', "-EMP-0042"),
        (30, '0 "days"', "30 days"),
        (2.5, '0.0" kg"', "2.5 kg"),
        (30, r"0\ \d\a\y\s;-0", "30 days"),
        (0.5, '0%" of pay"', "50% of pay"),
        (3, '"Q"0;[Red]"no"', "Q3"),
        (3, '"a;b "0', "a;b 3"),
        (5, "0,000.0", "0,005.0"),
        (2_500_000, '0.0,,"M"', "2.5M"),
        (12345678, r"000\-00\-0000", "012-34-5678"),
        (15551234567, "(000) 000-0000", "(1555) 123-4567"),
        (5, "(0)", "(5)"),
        (1234.5, '_-* #,##0.00\\ "€"_-', "1,234.50 €"),
        (True, "General", "yes"),
        (time(9, 30), "h:mm", "09:30"),
        (timedelta(hours=30, minutes=5), "[h]:mm", "30:05"),
        (datetime(2026, 3, 1), "yyyy-mm-dd h:mm:ss", "2026-03-01"),
        ("  two\r\nlines ", "@", "two\nlines"),
        (None, "General", ""),
    ],
)
def test_values_are_shown_as_in_the_sheet(value: object, number_format: str, expected: str) -> None:
    assert shown(value, number_format) == expected


def test_a_formula_that_was_never_calculated_says_so() -> None:
    book = limits()
    book.active["F3"] = "total"
    book.active["F4"] = '=WEBSERVICE("http://127.0.0.1:9/")'
    document = SpreadsheetLoader("a.xlsx", saved(book)).load()[0]
    assert "| Germany | Berlin | 140.00 € | 2026-01-01 | (not calculated) |" in document.page_content
    assert document.metadata["uncalculated"] == 1


def test_a_formula_shows_the_value_that_was_saved() -> None:
    book = Workbook()
    book.active.append(["sum", "of"])
    book.active.append(["=1+1", "two"])
    data = saved(book)
    sheet = part(data, SHEET).replace(b"<v></v>", b"<v>2</v>").replace(b"<v />", b"<v>2</v>")
    sheet = sheet.replace(b"<f>1+1</f><v/>", b"<f>1+1</f><v>2</v>")
    assert (
        "| 2 | two |" in SpreadsheetLoader("a.xlsx", with_parts(data, {SHEET: sheet})).load()[0].page_content
    )


@pytest.mark.timeout(20)
def test_a_sheet_that_claims_every_row_and_column_is_read_for_its_cells(tmp_path: Path) -> None:
    book = Workbook()
    book.active["A1"] = "one cell"
    data = saved(book)
    sheet = part(data, SHEET)
    assert b'ref="A1:A1"' in sheet or b'ref="A1"' in sheet
    sheet = sheet.replace(b'ref="A1:A1"', b'ref="A1:XFD1048576"').replace(b'ref="A1"', b'ref="A1:XFD1048576"')
    sheet = sheet.replace(
        b"</worksheet>", b'<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells></worksheet>'
    )
    assert loaded(tmp_path, "a.xlsx", with_parts(data, {SHEET: sheet})).text == "# A\n\none cell"


def test_a_last_cell_far_away_costs_nothing(tmp_path: Path) -> None:
    book = Workbook()
    book.active["A1"] = "first"
    book.active["A1048576"] = "last"
    assert loaded(tmp_path, "a.xlsx", saved(book)).text == "# A\n\nfirst\n\nlast"


def test_rows_and_cells_over_the_limit_are_named(tmp_path: Path) -> None:
    book = Workbook()
    for number in range(12):
        book.active.append([f"row {number}", "x"])
    expected = "It has more than 10 rows; the limit is 10 (INHOUSE_INGESTION__MAX_ROWS)."
    assert refusal(tmp_path, "a.xlsx", saved(book), max_rows=10) == expected
    assert "row 11" in loaded(tmp_path, "a.xlsx", saved(book), max_rows=12).text
    wide = Workbook()
    wide.active["XFD1"] = "far"
    assert "more than 1,000 cells" in refusal(tmp_path, "b.xlsx", saved(wide), max_rows=10)


def test_a_workbook_without_content_or_with_broken_parts_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a.xlsx", saved(Workbook())) == "It holds no text."
    broken = with_parts(saved(limits()), {SHEET: b"<worksheet><sheetData><row"})
    assert refusal(tmp_path, "b.xlsx", broken).startswith("It is damaged or not of its format")
    assert refusal(tmp_path, "c.xlsx", saved(limits())[:500]).startswith("It is damaged")
    assert refusal(tmp_path, "d.xlsx", b"sku,price") == "It is damaged: it does not begin like a XLSX file."
