"""PowerPoint presentations: slides as sections with their numbers, notes, tables, charts and groups."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.opc.constants import RELATIONSHIP_TYPE
from pptx.util import Inches

from core.units import split_units
from ingestion.chunking import chunk
from ingestion.loaders.slides import SlidesLoader
from tests.ingestion.making import loaded, refusal, saved, with_parts


def slide(deck: Any, layout: int, title: str = "") -> Any:
    made = deck.slides.add_slide(deck.slide_layouts[layout])
    if title:
        made.shapes.title.text = title
    return made


def text(deck: Any) -> str:
    return SlidesLoader("deck.pptx", saved(deck)).load()[0].page_content


def onboarding() -> Any:
    deck = Presentation()
    slide(deck, 0, "Onboarding").placeholders[1].text = "People team"
    week = slide(deck, 1, "Your first week")
    frame = week.placeholders[1].text_frame
    frame.text = "Get your laptop"
    for words, level in (("with your ID", 1), ("Meet your buddy", 0)):
        paragraph = frame.add_paragraph()
        paragraph.text, paragraph.level = words, level
    week.notes_slide.notes_text_frame.text = "Laptops are signed for."
    return deck


def test_titles_bullets_and_notes_become_sections_lists_and_paragraphs() -> None:
    assert text(onboarding()) == (
        "# Onboarding\n\nPeople team\n\n## Your first week\n\n"
        "- Get your laptop\n  - with your ID\n- Meet your buddy\n\nSpeaker notes:\n\nLaptops are signed for."
    )


def test_tables_groups_and_charts_are_read() -> None:
    deck = Presentation()
    made = slide(deck, 6)
    table = made.shapes.add_table(3, 2, 0, 0, Inches(4), Inches(2)).table
    for row, cells in enumerate((("Site", "Desk"), ("Berlin", "Rosa"), ("", "Wim"))):
        for column, words in enumerate(cells):
            table.cell(row, column).text = words
    table.cell(1, 0).merge(table.cell(2, 0))
    made.shapes.add_group_shape().shapes.add_group_shape().shapes.add_textbox(
        0, 0, 9, 9
    ).text_frame.text = "In"
    data = CategoryChartData()
    data.categories = ["2025", "2026"]
    data.add_series("Staff", (12, 19.5))
    made.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, 99, 99, data)
    assert text(deck) == (
        "## Slide 1\n\n| Site | Desk |\n| --- | --- |\n| Berlin | Rosa |\n| Berlin | Wim |\n\nIn\n\n"
        "|  | Staff |\n| --- | --- |\n| 2025 | 12 |\n| 2026 | 19.5 |"
    )


def test_a_hidden_slide_is_left_out_and_pages_are_slide_numbers(tmp_path: Path) -> None:
    deck = onboarding()
    slide(deck, 5, "Secret")._element.set("show", "0")
    slide(deck, 6)
    slide(deck, 1, "Leaving").placeholders[1].text = "Give back your laptop."
    document = loaded(tmp_path, "deck.pptx", saved(deck))
    assert "Secret" not in document.text
    assert document.metadata["pages"] == 5
    found = chunk(document, count_tokens=lambda words: len(words.split()), max_tokens=50, overlap_sentences=1)
    pages = {passage.headings: passage.metadata["page"] for passage in found}
    assert pages == {(): 1, ("Your first week",): 2, ("Leaving",): 5}


def test_slides_that_share_a_chunk_keep_their_numbers(tmp_path: Path) -> None:
    deck = onboarding()
    for title, words in (("Parking", "Free for staff."), ("Lunch", "It costs 4 euros.")):
        slide(deck, 1, title).placeholders[1].text = words
    slide(deck, 5, "Revenue grew by a tenth")
    document = loaded(tmp_path, "deck.pptx", saved(deck))
    found = chunk(
        document, count_tokens=lambda words: len(words.split()), max_tokens=200, overlap_sentences=1
    )
    pages = {
        unit.text: passage.page_at(unit.start) for passage in found for unit in split_units(passage.text)
    }
    assert len(found) < 5
    expected = {"Free for staff.": 3, "It costs 4 euros.": 4, "Revenue grew by a tenth": 5}
    assert {text: page for text, page in pages.items() if text in expected} == expected


def test_slides_with_the_same_title_are_one_section() -> None:
    deck = Presentation()
    for words in ("One.", "Two."):
        slide(deck, 1, "Rules").placeholders[1].text = words
    assert text(deck) == "# Rules\n\nOne.\n\nTwo."


def test_text_is_not_read_as_a_heading() -> None:
    deck = Presentation()
    slide(deck, 1, "Rules").placeholders[1].text = "# 1 rule\x0bstay kind"
    assert text(deck) == "# Rules\n\n\\# 1 rule\nstay kind"


def test_links_to_other_places_are_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*args: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", connect)
    deck = onboarding()
    part = deck.slides[0].part
    for kind in (RELATIONSHIP_TYPE.IMAGE, RELATIONSHIP_TYPE.HYPERLINK, RELATIONSHIP_TYPE.OLE_OBJECT):
        part.relate_to("http://127.0.0.1:9/x.png", kind, is_external=True)
    assert loaded(tmp_path, "deck.pptx", saved(deck)).text.startswith("# Onboarding")


def test_slides_over_the_limit_are_named(tmp_path: Path) -> None:
    expected = "It has 2 slides; the limit is 1 (INHOUSE_INGESTION__MAX_PAGES)."
    assert refusal(tmp_path, "deck.pptx", saved(onboarding()), max_pages=1) == expected


def test_groups_that_are_nested_without_end_are_named(tmp_path: Path) -> None:
    deck = Presentation()
    group = slide(deck, 6).shapes.add_group_shape()
    for _ in range(8):
        group = group.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, 9, 9).text_frame.text = "deep"
    assert "deep" in loaded(tmp_path, "a.pptx", saved(deck), max_nesting=12).text
    assert "INHOUSE_INGESTION__MAX_NESTING" in refusal(tmp_path, "a.pptx", saved(deck), max_nesting=5)


def test_a_presentation_without_text_or_with_broken_parts_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a.pptx", saved(Presentation())) == "It holds no text."
    broken = with_parts(saved(onboarding()), {"ppt/slides/slide1.xml": b"<p:sld"})
    assert refusal(tmp_path, "b.pptx", broken).startswith("It is not a readable PowerPoint file")
    assert refusal(tmp_path, "c.pptx", saved(onboarding())[:900]).startswith("It is damaged")
    assert refusal(tmp_path, "d.pptx", b"text") == "It is damaged: it does not begin like a PPTX file."
