"""Chunks: cut by structure, small enough, verbatim, and readable on their own."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from core.types import Chunk, Document
from core.units import plain, split_units
from ingestion.chunking import chunk
from ingestion.loaders.loading import load

EXAMPLES = Path(__file__).parents[2] / "examples" / "handbook"


def count_words(text: str) -> int:
    return len(re.findall(r"\w+", text))


def chunks(
    text: str, *, title: str = "Guide", limit: int = 60, overlap: int = 0, **metadata: object
) -> list[Chunk]:
    document = Document("d", "guide.md", title, text, "hash", metadata)
    found = chunk(document, count_tokens=count_words, max_tokens=limit, overlap_sentences=overlap)
    for passage in found:
        assert_verbatim(passage, document)
    return found


def assert_verbatim(passage: Chunk, document: Document) -> None:
    lines = document.text.split("\n")
    for line in passage.text.split("\n"):
        assert any(line in other for other in lines), line


def words(prefix: str, number: int) -> str:
    return " ".join(f"{prefix}{index}" for index in range(number))


def test_each_section_has_its_own_chunk_and_heading_path() -> None:
    found = chunks(
        f"# Guide\n\nIntro words.\n\n## Leave\n\n{words('a', 20)}\n\n### Parents\n\n{words('b', 20)}\n\n"
        f"## Pay {{#pay}}\n\n{words('c', 20)}"
    )
    assert [(passage.headings, passage.text.split()[0]) for passage in found] == [
        ((), "Intro"),
        (("Leave",), "a0"),
        (("Leave", "Parents"), "b0"),
        (("Pay",), "c0"),
    ]
    assert [passage.ordinal for passage in found] == [0, 1, 2, 3]
    assert found[2].heading == "Leave > Parents"


def test_headings_come_without_marks_links_anchors_and_underlines() -> None:
    found = chunks(
        f"## **Paid** [leave](x.md) &amp; `more` {{#pay}}\n\n{words('a', 20)}\n\nPay\n---\n\n{words('b', 20)}"
    )
    assert [passage.headings for passage in found] == [("Paid leave & more",), ("Pay",)]


def test_the_title_is_not_repeated_as_a_heading() -> None:
    assert chunks("# Guide!\n\ntext", title="Guide")[0].headings == ()
    assert chunks("# Another\n\ntext", title="Guide")[0].headings == ("Another",)


def test_ids_stand_for_what_is_embedded() -> None:
    text = "## A\n\nSome text."
    first, again = chunks(text)[0], chunks(text)[0]
    assert first.id == again.id
    assert first.id.startswith("d-0-")
    others = {
        chunks(text, title="Other")[0].id,
        chunks("## B\n\nSome text.")[0].id,
        chunks("## A\n\nMore.")[0].id,
    }
    assert len({first.id, *others}) == 4


def test_what_is_embedded_is_title_headings_and_plain_text() -> None:
    found = chunks("## Leave\n\nSee **the** [form](https://x.example/y).", title="HR")
    assert found[0].searched == "HR\nLeave\nSee the form."


def test_blocks_of_a_section_share_a_chunk_up_to_the_limit() -> None:
    found = chunks("\n\n".join(words(name, 20) for name in "abcd"))
    assert [passage.text.count("\n\n") for passage in found] == [1, 1]
    assert all(passage.tokens <= 60 for passage in found)
    assert found[0].tokens == count_words(found[0].searched)


def test_a_long_table_repeats_its_header_and_its_lead_in() -> None:
    rows = "\n".join(f"| name{number} | {words(f'v{number}x', 8)} |" for number in range(12))
    found = chunks(f"## Prices\n\nWhat it costs:\n\n| Item | Cost |\n|---|---|\n{rows}\n\nAfterwards.")
    tables = [passage for passage in found if "name" in passage.text]
    assert len(tables) > 2
    assert all(
        passage.text.startswith("What it costs:\n\n| Item | Cost |\n|---|---|\n| name") for passage in tables
    )
    assert "".join(passage.text for passage in tables).count("| name") == 12
    assert all(passage.tokens <= 60 for passage in found)


def test_a_table_that_fits_stays_whole_with_its_neighbours() -> None:
    text = "Before it.\n\n| A | B |\n|---|---|\n| 1 | 2 |\n\nAfter it."
    assert [passage.text for passage in chunks(text)] == [text]


def test_list_items_keep_the_lead_in_wherever_they_land() -> None:
    items = "\n".join(f"- item{number} {words(f'w{number}x', 12)}" for number in range(8))
    found = chunks(f"## Rules\n\nPlease remember:\n\n{items}")
    assert len(found) > 1
    assert all(passage.text.startswith("Please remember:\n\n- item") for passage in found)
    assert "".join(passage.text for passage in found).count("- item") == 8


def test_nested_items_keep_the_item_that_they_hang_from() -> None:
    inner = "\n".join(f"  - inner{number} {words(f'w{number}x', 12)}" for number in range(8))
    found = chunks(f"Steps:\n\n- Outer one\n{inner}\n- Outer two")
    assert len(found) > 1
    holding = [passage for passage in found if "inner" in passage.text]
    assert all(passage.text.startswith("Steps:\n\n- Outer one\n  - inner") for passage in holding)


def test_only_the_last_sentence_of_a_long_lead_in_is_repeated() -> None:
    items = "\n".join(f"- item{number} {words(f'w{number}x', 12)}" for number in range(6))
    found = chunks(f"First {words('a', 25)}. You need these:\n\n{items}")
    assert found[0].text.startswith("First a0")
    assert all(passage.text.startswith("You need these:") for passage in found[1:])


def test_code_stays_whole_up_to_twice_the_limit() -> None:
    code = "```\n" + "\n".join(words(f"line{number}x", 8) for number in range(12)) + "\n```"
    assert [passage.text for passage in chunks(code)] == [code]
    longer = "```python\n" + "\n".join(words(f"line{number}x", 8) for number in range(40)) + "\n```"
    found = chunks(longer)
    assert all(passage.text.startswith("```python\nline") and passage.tokens <= 60 for passage in found)


def test_headings_inside_code_are_code() -> None:
    assert [passage.headings for passage in chunks("## A\n\n```\n# comment\n```")] == [("A",)]


def test_long_prose_is_cut_between_sentences_and_overlaps_by_one() -> None:
    sentences = [f"Sentence{number} {words(f's{number}x', 10)}." for number in range(12)]
    found = chunks(" ".join(sentences), overlap=1)
    assert len(found) > 2
    for before, after in pairwise(found):
        last = before.text.split(". ")[-1].rstrip(".")
        assert after.text.startswith(last)
    assert all(passage.tokens <= 60 for passage in found)
    assert not set(chunks(" ".join(sentences))[1].text.split()) & set(
        chunks(" ".join(sentences))[0].text.split()
    )


def test_a_sentence_longer_than_a_chunk_is_cut_all_the_same() -> None:
    found = chunks(words("w", 500))
    assert all(passage.tokens <= 60 for passage in found)
    assert " ".join(passage.text for passage in found).split() == words("w", 500).split()


def test_a_table_row_longer_than_a_chunk_keeps_its_header() -> None:
    found = chunks(f"| Name | Story |\n|---|---|\n| one | {words('w', 200)} |")
    assert all(passage.text.startswith("| Name | Story |") for passage in found)
    assert all(passage.tokens <= 60 for passage in found)


def test_tiny_sections_side_by_side_share_a_chunk_with_their_headings() -> None:
    found = chunks(
        "# Guide\n\n## Terms\n\n### API\n\nAn interface.\n\n### CLI\n\nA command line.\n\n"
        "### What is it?\n\nIt."
    )
    assert [(passage.headings, passage.text) for passage in found] == [
        (("Terms",), "### API\n\nAn interface.\n\n### CLI\n\nA command line."),
        (("Terms", "What is it?"), "It."),
    ]


def test_a_document_of_headings_alone_is_still_found() -> None:
    assert chunks("# Guide\n\n## Mission\n\n## Vision")[0].text == "# Guide\n\n## Mission\n\n## Vision"


def test_a_heading_of_many_words_is_text() -> None:
    answer = f"A: {words('w', 25)}."
    found = chunks(f"## May I?\n\n### {answer}\n\nMore.")
    assert [(passage.headings, passage.text) for passage in found] == [(("May I?",), f"{answer}\n\nMore.")]


def test_what_no_reader_sees_is_left_out() -> None:
    hidden = "<!-- note to self -->\n\n<style>\n.a { color: red }\n</style>\n\n<iframe src='x'></iframe>"
    text = f"{hidden}\n\n---\n\nSeen."
    assert [passage.text for passage in chunks(text)] == ["Seen."]
    assert chunks("<!-- nothing -->\n\n---\n\n![](x.png)\n") == []


@pytest.mark.parametrize(
    "hidden",
    [
        "<iframe src='x'></iframe>",
        "<video src='x'>\nno video\n</video>",
        "<svg>\n<path d='1'/>\n</svg><iframe\nsrc='x'/>",
        "<style>\n.a {}\n\n.b {}\n</style>",
    ],
)
def test_the_text_below_what_no_reader_sees_is_kept(hidden: str) -> None:
    assert [passage.text for passage in chunks(f"{hidden}\nThe limit is **30** days.\n\nMore.")] == [
        "The limit is **30** days.\n\nMore."
    ]


@pytest.mark.parametrize(
    "text", ["", "\n\n", "***", "|", "- ", "```", "#", ">", "<div>", "[a]: http://x.example"]
)
def test_fragments_of_syntax_do_no_harm(text: str) -> None:
    assert chunks(text) == []


def test_chunks_of_paged_documents_know_their_page() -> None:
    found = chunks("## A\n\none\n\n## B?\n\ntwo", page_starts=[0, 4])
    assert [dict(passage.metadata) for passage in found] == [{"page": 1}, {"page": 2}]


def test_a_chunk_of_several_pages_knows_where_each_begins() -> None:
    (passage,) = chunks("one\n\ntwo\nthree\n\n## A\n\nfour", page_starts=[0, 3, 3, 5], limit=200)[:1]
    pages = {word: passage.page_at(passage.text.index(word)) for word in ("one", "two", "three")}
    assert pages == {"one": 1, "two": 1, "three": 3}
    assert passage.metadata["page_breaks"] == [[9, 3]]


def test_what_a_chunk_repeats_is_on_the_page_where_it_stands() -> None:
    items = "\n".join(f"- item{number} {words(f'w{number}x', 12)}" for number in range(8))
    found = chunks(f"Please remember:\n\n{items}", page_starts=[0, 4])
    assert {passage.page_at(0) for passage in found} == {1}
    assert found[-1].page_at(found[-1].text.index("item7")) == 2


def test_a_heading_with_nothing_below_it_is_a_sentence() -> None:
    text = (
        "# Visitors\n\nIntro.\n\n## Parking is free for two hours\n\n## Badges\n\nBadges are worn.\n\n"
        "## They are blue\n---\n\n## Long\n\n" + words("a", 20) + "\n\nThe end\n---"
    )
    found = chunks(text, title="Visitors")
    assert [(passage.headings, passage.text) for passage in found] == [
        ((), "Intro."),
        ((), "Parking is free for two hours\n\n## Badges\n\nBadges are worn."),
        ((), "They are blue"),
        (("Long",), words("a", 20)),
        ((), "The end"),
    ]
    assert "Parking is free for two hours" in [unit.text for unit in split_units(found[1].text)]


def test_a_heading_above_others_or_a_title_is_no_sentence() -> None:
    assert [passage.text for passage in chunks("# Guide\n\n## Leave\n\n### Parents\n\nOne.")] == ["One."]


def test_every_example_document_becomes_verbatim_chunks_of_the_right_size() -> None:
    for path in sorted(EXAMPLES.rglob("*.*")):
        document = load(path, EXAMPLES)
        found = chunk(document, count_tokens=count_words, max_tokens=150, overlap_sentences=1)
        assert found, path
        for passage in found:
            assert_verbatim(passage, document)
            assert 0 < passage.tokens <= 150
            assert abs(count_words(passage.searched) - passage.tokens) <= 10


def test_no_word_of_an_example_is_lost() -> None:
    for path in sorted(EXAMPLES.rglob("*.md")):
        document = load(path, EXAMPLES)
        found = chunk(document, count_tokens=count_words, max_tokens=60, overlap_sentences=0)
        kept = " ".join(passage.searched for passage in found)
        missing = set(re.findall(r"\w+", plain(document.text))) - set(re.findall(r"\w+", kept))
        assert not missing, path
