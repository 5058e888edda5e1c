"""Office files are told by their parts, and those that unpack to something absurd are refused."""

from __future__ import annotations

import io
import struct
import time
import zipfile
from pathlib import Path

import pytest
from docx import Document as new_word
from docx.oxml import parse_xml
from openpyxl import Workbook
from pptx import Presentation

from tests.ingestion.making import loaded, part, refusal, saved, with_parts

ENTITIES = [f'<!ENTITY {chr(98 + number)} "{f"&{chr(97 + number)};" * 10}">' for number in range(10)]
BOMB = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">{"".join(ENTITIES)}]>'
MAIN = {
    ".docx": "word/document.xml",
    ".pptx": "ppt/presentation.xml",
    ".xlsx": "xl/worksheets/sheet1.xml",
}


def office(suffix: str) -> bytes:
    if suffix == ".docx":
        word = new_word()
        word.add_paragraph("Words of it.")
        return saved(word)
    if suffix == ".pptx":
        deck = Presentation()
        deck.slides.add_slide(deck.slide_layouts[0]).shapes.title.text = "Words of it."
        return saved(deck)
    book = Workbook()
    book.active["A1"] = "Words of it."
    return saved(book)


@pytest.mark.parametrize("suffix", MAIN)
@pytest.mark.parametrize("name", [".docx", ".pptx", ".xlsx", ".csv", ".txt", ".md", ".doc", ".json"])
def test_the_parts_of_an_office_file_decide_its_format(tmp_path: Path, suffix: str, name: str) -> None:
    assert "Words of it." in loaded(tmp_path, f"file{name}", office(suffix)).text


@pytest.mark.parametrize("suffix", MAIN)
def test_entities_in_any_part_are_refused(tmp_path: Path, suffix: str) -> None:
    data = office(suffix)
    xml = part(data, MAIN[suffix]).split(b"?>")[-1]
    for bomb in (BOMB.encode() + xml.replace(b"Words of it.", b"&k;"), BOMB.encode("utf-16") + xml):
        started = time.monotonic()
        refused = refusal(tmp_path, f"a{suffix}", with_parts(data, {MAIN[suffix]: bomb}))
        assert refused == f"Its part {MAIN[suffix]} declares entities; save it again as an Office file."
        assert time.monotonic() - started < 2


@pytest.mark.parametrize("suffix", MAIN)
def test_what_unpacks_to_more_than_the_limit_is_named(tmp_path: Path, suffix: str) -> None:
    data = with_parts(office(suffix), {"media/big.bin": bytes(3_000_000)})
    expected = "It has more than 2 MB unpacked; the limit is 2 MB (INHOUSE_INGESTION__MAX_UNPACKED_MB)."
    assert refusal(tmp_path, f"a{suffix}", data, max_unpacked_mb=2) == expected
    assert "Words" in loaded(tmp_path, f"a{suffix}", data, max_unpacked_mb=4).text


def test_a_part_of_xml_that_shrank_as_no_document_does_is_refused(tmp_path: Path) -> None:
    data = with_parts(office(".docx"), {"word/big.xml": b" " * 30_000_000})
    assert refusal(tmp_path, "a.docx", data).startswith("Its part word/big.xml grows without end")


def test_a_header_that_lies_about_the_size_does_not_help(tmp_path: Path) -> None:
    data = bytearray(with_parts(office(".docx"), {"word/big.bin": bytes(3_000_000)}))
    place = data.rindex(b"word/big.bin") - 46  # of its entry in the central directory
    assert data[place : place + 4] == b"PK\x01\x02"
    data[place + 24 : place + 28] = struct.pack("<I", 10)  # its size, unpacked
    assert refusal(tmp_path, "a.docx", bytes(data), max_unpacked_mb=2).startswith(
        ("It is damaged", "It has more")
    )


def test_unusual_packing_and_encryption_are_named(tmp_path: Path) -> None:
    output = io.BytesIO(office(".docx"))
    with zipfile.ZipFile(output, "a", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("word/x.bin", b"x" * 1000)
    assert refusal(tmp_path, "a.docx", output.getvalue()).startswith(
        "It is packed as no Office program packs"
    )
    data = bytearray(office(".docx"))
    place = data.rindex(b"word/document.xml") - 46
    data[place + 8] |= 1
    assert refusal(tmp_path, "b.docx", bytes(data)) == "It is encrypted; save it without a password."


@pytest.mark.parametrize(
    ("name", "mime", "reason"),
    [
        ("a.odt", "application/vnd.oasis.opendocument.text", "ODT files are not supported; save it as DOCX."),
        (
            "a.x",
            "application/vnd.oasis.opendocument.spreadsheet",
            "ODS files are not supported; save it as XLSX.",
        ),
        ("a.docx", "application/epub+zip", "EPUB files are not supported; export it as HTML or PDF."),
        ("a.zip", "", "It is an archive, not a document; unpack it."),
    ],
)
def test_other_archives_are_named_with_the_way_out(tmp_path: Path, name: str, mime: str, reason: str) -> None:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        archive.writestr("mimetype", mime)
    assert refusal(tmp_path, name, output.getvalue()) == reason


def test_a_word_file_with_macros_is_named(tmp_path: Path) -> None:
    data = office(".docx")
    types = part(data, "[Content_Types].xml").replace(
        b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main",
        b"application/vnd.ms-word.document.macroEnabled.main",
    )
    macros = with_parts(data, {"[Content_Types].xml": types})
    assert refusal(tmp_path, "a.docx", macros) == "DOCM files are not supported; save it as DOCX."


@pytest.mark.timeout(20)
def test_a_word_table_of_absurd_width_or_height_is_read_or_named(tmp_path: Path) -> None:
    word = new_word()
    cell = word.add_table(1, 2).cell(0, 0)
    cell._tc.grid_span = 2_000_000_000
    assert refusal(tmp_path, "a.docx", saved(word)).startswith("A table in it has more than 1000 columns")
    word = new_word()
    table = word.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "Site", "Desk"
    row = table._tbl.tr_lst[0].xml
    merged = row.replace("<w:tcPr>", "<w:tcPr><w:vMerge/>", 1).replace("Site", "")
    for _ in range(3000):
        table._tbl.append(parse_xml(merged))
    assert loaded(tmp_path, "b.docx", saved(word)).text.count("| Site | Desk |") == 3001
