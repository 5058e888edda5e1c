from __future__ import annotations

import time

import pytest

from core.units import plain, split_sentences, split_units


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("It costs 3.50 euros. Ask Dr. Smith, e.g. by mail.", 2),
        ("Version 2.1 is out! Is it stable? Yes.", 3),
        ("Signed by J. R. Smith in St. Louis. Then filed.", 2),
        ("no capital follows. so this is one", 1),
        ('He said "stop." Then he left.', 2),
        ("", 0),
    ],
)
def test_sentences_end_where_a_person_would_end_them(text: str, count: int) -> None:
    assert len(split_sentences(text)) == count


def test_a_table_row_reads_with_its_column_names() -> None:
    table = "| Plan | Price | Storage |\n|---|---:|---|\n| Basic | €10 | 5 GB |\n| Pro | €25 | |\n"
    units = split_units(table)
    assert [unit.kind for unit in units] == ["row", "row"]
    assert units[0].readable() == "Plan: Basic; Price: €10; Storage: 5 GB"
    assert units[1].readable() == "Plan: Pro; Price: €25"
    assert units[0].text == "| Basic | €10 | 5 GB |"


def test_a_list_item_keeps_the_sentence_that_it_hangs_from() -> None:
    passage = "You may claim:\n\n- **Meals** up to [€45](x.md)\n  - alcohol never\n- Taxis\n\nAsk finance."
    units = split_units(passage)
    assert [unit.in_context() for unit in units] == [
        "You may claim:",
        "You may claim: Meals up to €45",
        "Meals up to €45: alcohol never",
        "You may claim: Taxis",
        "Ask finance.",
    ]


def test_every_unit_stands_verbatim_where_it_says() -> None:
    passage = (
        "# Title\n\nOne. Two\nlines here.\n\n> A note. Another.\n\n1. First\n2. Second\n   more of it\n\n"
        "```\ncode here\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    )
    units = split_units(passage)
    assert all(passage[unit.start : unit.start + len(unit.text)] == unit.text for unit in units)
    assert [unit.kind for unit in units] == ["sentence"] * 4 + ["item"] * 2 + ["code", "row"]
    assert {unit.heading for unit in units} == {"Title"}


def test_a_unit_does_not_repeat_its_lead_in_or_the_mark_of_an_answer() -> None:
    units = split_units("**Staff**: A: Yes.\n\nSee below:\n\n- See below: it is paid.")
    assert [unit.in_context() for unit in units][-1] == "See below: it is paid."
    assert split_units("A: Each parent may.")[0].readable() == "Each parent may."


def test_a_long_item_is_cut_into_its_sentences() -> None:
    sentence = "The reader of this sentence has to be patient because it goes on and on. "
    units = split_units("- **Leave**: " + sentence * 5)
    assert len(units) == 5
    assert {unit.lead for unit in units} == {"Leave"}


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("**Bold** and _thin_ with `code`", "Bold and thin with code"),
        ("see [the page](../a_b.md#x) now", "see the page now"),
        ("![a chart](c.png) &amp; text <br/> end", "a chart & text end"),
        ("snake_case stays, 2 * 3 * 4 too", "snake_case stays, 2 * 3 * 4 too"),
        ("## Heading {#anchor}", "Heading"),
    ],
)
def test_plain_text_has_no_marks(markdown: str, text: str) -> None:
    assert plain(markdown) == text


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("Write to <hr@acme.com> by Friday.", "Write to hr@acme.com by Friday."),
        ("See <https://acme.com/a_b>.", "See https://acme.com/a_b."),
        ("Run `tool <folder> --to <target>`.", "Run tool <folder> --to <target>."),
        ("Copy <file> to <folder name>.", "Copy <file> to <folder name>."),
        ("Use `<b>` for bold.", "Use <b> for bold."),
        ("Less <p\nclass='a > b' hidden>is</p> more<BR>now", "Less is more now"),
        ('<TabItem value="mac">Press it.</TabItem>', "Press it."),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
    ],
)
def test_only_tags_are_taken_for_tags(markdown: str, text: str) -> None:
    assert plain(markdown) == text


@pytest.mark.parametrize(
    "markdown",
    [
        "Never paste `<script src=x>` there.",
        "Never paste <img/src=x onerror=f()//<p>there.",
        "Never paste <odd onmouseover=f()> there.",
        "Never paste <details/open/ontoggle=f()> there.",
    ],
)
def test_what_a_page_would_load_is_not_shown_however_it_is_written(markdown: str) -> None:
    assert plain(markdown) == "Never paste there."


@pytest.mark.parametrize("text", ["<a x", "`", "` <a", '<a x="', "<a@", "<a:", "</", "``a`", '<x a="b" '])
def test_markup_without_end_takes_no_time(text: str) -> None:
    started = time.perf_counter()
    plain(text * 5000)
    assert time.perf_counter() - started < 2


def test_letters_are_compared_composed_and_quoted_as_they_stand() -> None:
    passage = "Der Ur\u00adlaub ist lang. Die Gro\u0308\u00dfe der Mit\u00ad\narbeiter z\u00e4hlt."
    assert plain(passage) == "Der Urlaub ist lang. Die Gr\u00f6\u00dfe der Mitarbeiter z\u00e4hlt."
    units = split_units(passage)
    assert [unit.text in passage for unit in units] == [True, True]
    assert units[0].readable() == "Der Urlaub ist lang."
