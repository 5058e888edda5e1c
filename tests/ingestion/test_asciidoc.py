"""AsciiDoc: what handbooks use of it becomes Markdown, and includes are never followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.loaders.asciidoc import AsciiDocLoader
from tests.ingestion.making import loaded, refusal


def text(content: str) -> str:
    return AsciiDocLoader("guide.adoc", content.encode()).load()[0].page_content


def test_the_header_names_the_document_and_fills_attributes(tmp_path: Path) -> None:
    content = (
        "= Gate of {company}\nWim Peters <wim@acme.example>\nv2.1, 2026-03-01\n:company: Acme\n:toc:\n"
        ":slogan: We \\\n  close\n:!toc:\n\n{company}: {slogan}, {unknown}, \\{company}.\n"
    )
    document = loaded(tmp_path, "guide.adoc", content)
    assert document.title == "Gate of Acme"
    assert document.text == "# Gate of Acme\n\nAcme: We close, {unknown}, {company}."


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("*bold* and _em_ and `code` and #mark#", "**bold** and _em_ and `code` and mark"),
        ("un**bold**ed 2 * 3 * 4 snake_case_name", "un**bold**ed 2 * 3 * 4 snake_case_name"),
        ("https://acme.example[the docs]", "[the docs](https://acme.example)"),
        ("link:form.pdf[the form,window=_blank]", "[the form](form.pdf)"),
        ("mailto:it@acme.example[IT]", "[IT](mailto:it@acme.example)"),
        ("mailto:it@acme.example[]", "it@acme.example"),
        ("<<setup,Set it up>> and xref:other.adoc#x[there]", "Set it up and there"),
        ("press kbd:[Ctrl+C], menu:File[Save]", "press Ctrl+C, File > Save"),
        ("a footnote:[really] here image:x.png[alt]", "a  (really) here"),
        ("+*kept*+ and `*kept*` 2^10^", "*kept* and `*kept*` 2^10"),
        ("one +\ntwo", "one\ntwo"),
        ("a // b\n// comment\nc", "a // b\nc"),
    ],
)
def test_marks_within_a_line(source: str, expected: str) -> None:
    assert text(source) == expected


def test_references_say_the_title_of_their_section() -> None:
    sections = "[[setup]]\n== Set it up\n\nx\n\n== Two words\n\ny"
    content = f"See <<setup>>, <<_two_words>> and <<gone-away>>.\n\n{sections}"
    assert text(content).startswith("See Set it up, Two words and gone away.")


def test_lists_nest_by_their_marks_and_carry_blocks() -> None:
    content = (
        ". Unpack\n.. check\n. Screw\n+\n.How\n[source,bash]\n----\ngate pair\n----\n. Done\n\n//-\n\n"
        "* one\n** [x] two\n  goes on\n* three\n\n//-\n\nPower:: 12 V\nRange::\n\n30 m\n"
    )
    assert text(content) == (
        "1. Unpack\n   1. check\n2. Screw\n\n   How:\n\n   ```\n   gate pair\n   ```\n\n3. Done\n\n"
        "- one\n  - two goes on\n- three\n\n- **Power:** 12 V\n- **Range:** 30 m"
    )


def test_admonitions_of_both_forms_are_paragraphs() -> None:
    content = (
        "NOTE: Close the water\nfirst.\n\n[WARNING]\n====\nNever open it.\n\n* really\n====\n\n[TIP]\nAsk.\n"
    )
    assert text(content) == (
        "Note: Close the water\nfirst.\n\nWarning: Never open it.\n\n- really\n\nTip: Ask."
    )


def test_tables_keep_headers_spans_and_cells_over_lines() -> None:
    content = (
        '.Limits\n[cols="1,2,1",options="header"]\n|===\n|Site |Limit |Note\n|Berlin | 20 | a \\| b\n'
        ".2+|Paris\n|15\n|old\n|18|new\n2+|both a|\n* x\n|===\n\n,===\nk,v\na,1\n,===\n"
    )
    assert text(content) == (
        "Limits:\n\n| Site | Limit | Note |\n| --- | --- | --- |\n| Berlin | 20 | a \\| b |\n"
        "| Paris | 15 | old |\n| Paris | 18 | new |\n| both |  | x |\n\n| k | v |\n| --- | --- |\n| a | 1 |"
    )


def test_blocks_of_code_quotes_and_comments() -> None:
    content = (
        "////\nsecret\n////\n....\n= no heading\n// kept\n....\n\n```sh\nls\n```\n\n____\nSaid.\n____\n\n"
        "++++\n<b>raw</b>\n++++\n\n****\nAside.\n****\n\n literal\n  more\n"
    )
    assert text(content) == (
        "```\n= no heading\n// kept\n```\n\n```sh\nls\n```\n\n> Said.\n\nAside.\n\n```\nliteral\n more\n```"
    )


def test_conditions_are_evaluated() -> None:
    content = (
        ":web:\n\nifdef::web[]\nA\nendif::[]\nifndef::web[]\nB\nendif::[]\nifdef::x[B]\n\nifdef::web[C]\n"
    )
    assert text(content) == "A\n\nC"


@pytest.mark.parametrize("wrap", ["{}", "----\n{}\n----", "|===\n|a |b\n\na|{} |x\n|===", "* x\n+\n{}"])
def test_includes_are_never_followed(tmp_path: Path, wrap: str) -> None:
    (tmp_path / "secret.txt").write_text("SECRET")
    directive = wrap.format(f"include::{tmp_path}/secret.txt[]\ninclude::/etc/passwd[]")
    found = loaded(tmp_path, "a.adoc", f"Before.\n\n{directive}\n\nAfter.\n").text
    assert "SECRET" not in found
    assert "root:" not in found
    assert "After." in found


def test_attributes_that_grow_without_end_are_named(tmp_path: Path) -> None:
    values = "".join(f":a{n}: {f'{{a{n + 1}}}' * 1000}\n" for n in range(5))
    assert refusal(tmp_path, "a.adoc", f"{values}\n{{a0}}\n").startswith("Its attributes name each other")
    assert loaded(tmp_path, "b.adoc", ":a: {b}\n:b: {a}\n\nText {a}.\n").text.startswith("Text {")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("sign", ["*", "_", "`", "[[", "(((", "<<", "{a", "|", "footnote:[", "+"])
def test_long_lines_of_marks_take_no_time(sign: str) -> None:
    assert "word" in text(f"word {sign * (19_000 // len(sign))}")


def test_nesting_without_end_is_named(tmp_path: Path) -> None:
    deep = "\n".join("=" * (4 + depth) for depth in range(200)) + "\nx\n"
    assert "INHOUSE_INGESTION__MAX_NESTING" in refusal(tmp_path, "a.adoc", deep)


def test_empty_and_open_ended_files(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a.adoc", "// only a comment\n") == "It holds no text."
    assert (
        loaded(tmp_path, "b.adoc", "Text.\n\n----\nnever closed\n").text == "Text.\n\n```\nnever closed\n```"
    )
    assert refusal(tmp_path, "c.asciidoc", b"\x00\x01\x02text") == "It is a binary file, not text."
