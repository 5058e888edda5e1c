"""`load`: the format by the content, the title, and one clear sentence for what cannot be read."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest

from core.errors import EmptySourceError, SourceError
from core.settings import IngestionSettings
from core.units import split_units
from ingestion.chunking import chunk
from ingestion.loaders.loading import load
from ingestion.loaders.markdown import MarkdownLoader
from tests.ingestion.making import line, loaded, pdf, refusal


def test_a_document_knows_its_source_and_its_content(tmp_path: Path) -> None:
    first = loaded(tmp_path, "hr/leave.md", "# Leave\n\nText.")
    assert (first.source, first.title, first.text) == ("hr/leave.md", "Leave", "# Leave\n\nText.")
    again = loaded(tmp_path, "hr/leave.md", "# Leave\n\nOther text.")
    assert again.id == first.id
    assert again.content_hash != first.content_hash
    assert load(tmp_path / "hr" / "leave.md", tmp_path / "hr").id == first.id


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("---\ntitle: Time off\n---\n# Other\ntext", "Time off"),
        ("---\ntitle: 'Broken: \n---\n# Other\ntext", "Broken:"),
        ("intro\n\n# **Paid** [leave](x.md) {#leave}\ntext", "Paid leave"),
        ("Under the line\n===\n\ntext", "Under the line"),
        ("```\n# a comment\n```\ntext", "Annual leave"),
        ("## Only a second level\n\ntext", "Annual leave"),
        ("---\n\ntext between rules\n\n---\n", "Annual leave"),
    ],
)
def test_the_title_of_markdown(tmp_path: Path, text: str, title: str) -> None:
    assert loaded(tmp_path, "annual-leave.md", text).title == title


def test_front_matter_is_no_text(tmp_path: Path) -> None:
    document = loaded(tmp_path, "a.md", "---\ntitle: T\ntags: [secret]\n---\n\nBody.\n")
    assert document.text == "Body."


def test_front_matter_is_kept_as_values_that_json_can_hold(tmp_path: Path) -> None:
    front = (
        "title: T\ntags: [a, 2026-01-01, [x]]\nupdated: 2026-03-01 09:30:00\nn: 1.5\ndraft: no\n"
        "odd: .nan\npage_starts: [7]\nowner: {name: Wim}\n"
    )
    document = loaded(tmp_path, "a.md", f"---\n{front}---\n\nBody.\n")
    expected = {"tags": ["a", "2026-01-01"], "updated": "2026-03-01T09:30:00", "n": 1.5, "draft": False}
    assert document.metadata == {"front_matter": {**expected, "page_starts": [7]}}
    assert json.loads(json.dumps(document.metadata)) == document.metadata


def test_front_matter_with_a_date_that_does_not_exist_still_names_the_title(tmp_path: Path) -> None:
    document = loaded(tmp_path, "a.md", "---\ntitle: T\nupdated: 2026-02-30\n---\nBody.")
    assert (document.title, document.text) == ("T", "Body.")


def test_an_index_page_without_a_title_is_called_like_its_folder(tmp_path: Path) -> None:
    assert loaded(tmp_path, "time-off/index.md", "text").title == "Time off"


def test_the_content_decides_the_format(tmp_path: Path) -> None:
    pdf_file = pdf([line("Printed on paper", 700)])
    assert loaded(tmp_path, "really.txt", pdf_file).text == "Printed on paper"
    assert (
        loaded(tmp_path, "page.txt", "<!DOCTYPE html><title>Page</title><h2>Part</h2>x").text
        == "## Part\n\nx"
    )
    for name in ("a.md", "a.csv", "a.json", "a.adoc", "a.eml"):
        assert loaded(tmp_path, name, "\n<html><h2>Part</h2>x").text == "## Part\n\nx"
        assert loaded(tmp_path, name, pdf_file).text == "Printed on paper"
    assert loaded(tmp_path, "b.md", "<htmlish> is a tag").text == "<htmlish> is a tag"


def test_byte_order_marks_and_line_ends_are_understood(tmp_path: Path) -> None:
    assert (
        loaded(tmp_path, "a.md", b"\xef\xbb\xbf# T\r\n\r\nline one\rline two").text
        == "# T\n\nline one\nline two"
    )
    assert loaded(tmp_path, "b.txt", "Größe".encode("utf-16")).text == "Größe"


def test_a_declared_charset_of_html_is_used(tmp_path: Path) -> None:
    page = '<html><meta charset="windows-1252"><body><p>Größe</p>'.encode("cp1252")
    assert loaded(tmp_path, "a.html", page).text == "Größe"


@pytest.mark.parametrize(
    ("charset", "content", "expected"),
    [
        ("iso-8859-1", b"It\x92s \x80 50", "It’s € 50"),
        ("us-ascii", b"\x80 50", "€ 50"),
        ("latin1", b"\x81 50 \xe9", "\ufffd 50 é"),
        ("iso-8859-15", b"\xa4 50", "€ 50"),
        ("utf-16", "Größe 12".encode(), "Größe 12"),
        ("klingon", "Größe".encode(), "Größe"),
        ("windows-1251", "Отпуск".encode("cp1251"), "Отпуск"),
    ],
)
def test_charsets_are_read_as_browsers_read_them(
    tmp_path: Path, charset: str, content: bytes, expected: str
) -> None:
    page = f"<html><meta charset={charset}><body><p>".encode() + content
    assert loaded(tmp_path, "a.html", page).text == expected


def test_a_byte_order_mark_counts_more_than_a_declared_charset(tmp_path: Path) -> None:
    page = '<html><meta charset="iso-8859-1"><body><p>Größe</p>'.encode("utf-8-sig")
    assert loaded(tmp_path, "a.html", page).text == "Größe"


def test_halves_of_surrogate_pairs_are_replaced_everywhere(tmp_path: Path) -> None:
    document = loaded(tmp_path, "a.json", r'{"title": "T \ud83d", "note": "cut \udc00 \ud83d\ude00"}')
    assert (document.title, document.text) == ("T \ufffd", "# T \ufffd\n\n- note: cut \ufffd \U0001f600")
    front = loaded(tmp_path, "a.md", '---\ntitle: T\ntags: ["a\\ud83d"]\nk: "\\ud83d"\n---\nBody.')
    assert front.metadata == {"front_matter": {"tags": ["a\ufffd"], "k": "\ufffd"}}
    email = b"From: a@b.example\nDate: J\xfcnk\nSubject: Gr\xfc\xdfe\n\nText."
    mail = loaded(tmp_path, "a.eml", email)
    assert f"{mail.title}\n{mail.text}".encode().count(b"J") == 1


@pytest.mark.parametrize("opening", ["<script>", "<!-- not closed", "<Style", "<?php", "<textarea>"])
def test_plain_text_that_begins_like_html_hides_nothing(tmp_path: Path, opening: str) -> None:
    text = f"The tag\n\n{opening} is code.\n\n- {opening}\n\n```\n{opening}\n```\n\nThe notice is 30 days.\n"
    document = loaded(tmp_path, "a.txt", text)
    escaped = opening.replace("<", "&lt;")
    assert document.text == (
        f"The tag\n\n{escaped} is code.\n\n- {escaped}\n\n```\n{opening}\n```\n\nThe notice is 30 days."
    )
    chunks = chunk(
        document, count_tokens=lambda words: len(words.split()), max_tokens=200, overlap_sentences=1
    )
    read = "\n".join(unit.readable() for found in chunks for unit in split_units(found.text))
    assert "The notice is 30 days." in read
    assert f"{opening} is code." in read


def test_html_in_markdown_stays(tmp_path: Path) -> None:
    assert loaded(tmp_path, "a.md", "<!-- draft -->\n\nText.").text == "<!-- draft -->\n\nText."


def test_html_tables_and_lists_in_markdown_become_markdown(tmp_path: Path) -> None:
    text = (
        "# T\n\nBefore\n<table>\n <tr><th>Role</th><th>Duty</th></tr>\n\n <tr><td>Owner</td>\n"
        "  <td><ul><li>signs\n<li>pays</ul></td></tr>\n</table>\nAfter\n\n```\n<table>\n```\n\n"
        "<ul><li>one</li></ul>\n"
    )
    expected = (
        "# T\n\nBefore\n\n| Role | Duty |\n| --- | --- |\n| Owner | signs; pays |\n\nAfter\n\n"
        "```\n<table>\n```\n\n- one"
    )
    assert loaded(tmp_path, "a.md", text).text == expected


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.md", b"", "It is empty."),
        ("a.md", b" \n\n", "It is empty."),
        ("a.md", b"---\ntitle: x\n---\n", "It holds no text."),
        ("a.txt", b"caf\xe9 au lait", "It is not UTF-8 text (byte 3); save it as UTF-8."),
        ("a.txt", b"a\x00b\x01\x02", "It is a binary file, not text."),
        ("a.pdf", b"not a pdf at all", "It is damaged: it does not begin like a PDF file."),
        ("a.docx", b"PK\x03\x04 and then nothing", "It is damaged (File is not a zip file)."),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600, "It is encrypted or an old Office file"),
        (
            "a.doc",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600,
            "Its format is not supported; save it as DOCX.",
        ),
        ("a.rtf", b"{\\rtf1 text}", "RTF files are not supported; save it as DOCX."),
        ("a.txt", b"{\\rtf1 text}", "RTF files are not supported; save it as DOCX."),
        ("a.md", b"\x89PNG\r\n\x1a\n\x00\x00", "It is a binary file, not text."),
        ("a.csv", b"a,b\x00\x01\x02", "It is a binary file, not text."),
        (
            "a.xlsx",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600,
            "It is encrypted or an old Office file; save it as XLSX without a password.",
        ),
        (
            "a.msg",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600,
            "Its format is not supported; save it as EML.",
        ),
        ("a.odp", b"x", "ODP files are not supported; save it as PPTX."),
        ("a.html", b"<html><body><nav>menu</nav><script>x()</script></body></html>", "It holds no text."),
        ("a.csv", b",,\n,,\n", "It holds no text."),
    ],
)
def test_what_cannot_be_read_is_said_in_one_sentence(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    assert refusal(tmp_path, name, content).startswith(reason)


def test_only_a_file_without_content_counts_as_empty(tmp_path: Path) -> None:
    with pytest.raises(EmptySourceError):
        loaded(tmp_path, "a.md", b"")


def test_corrupt_pdfs_are_named(tmp_path: Path) -> None:
    assert "not a readable PDF" in refusal(tmp_path, "a.pdf", b"%PDF-1.4\nrubbish")
    whole = pdf([line("text", 700)])
    cut = refusal(tmp_path, "b.pdf", whole[: len(whole) // 3])
    assert cut.startswith(("It is not a readable PDF", "It is damaged"))


def test_an_encrypted_pdf_is_named(tmp_path: Path) -> None:
    content = pdf([line("secret", 700)], password="open sesame")
    assert refusal(tmp_path, "a.pdf", content) == "It is encrypted; save it without a password."


def test_a_pdf_of_pictures_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path, "scan.pdf", pdf(["10 10 100 100 re f"])).startswith("It has no text layer")


def test_another_archive_is_no_document(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.docx", "w") as archive:
        archive.writestr("photo.jpg", "x")
    with pytest.raises(SourceError, match=r"It is an archive, not a document; unpack it\."):
        load(tmp_path / "photos.docx", tmp_path)


def test_a_file_over_the_limit_is_named(tmp_path: Path) -> None:
    path = tmp_path / "big.txt"
    path.write_text("x" * 3_000_000)
    with pytest.raises(SourceError, match=r"It has 3\.0 MB; the limit is 2 MB"):
        load(path, tmp_path, IngestionSettings(max_file_mb=2))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(tmp_path: Path) -> None:
    path = tmp_path / "closed.md"
    path.write_text("text")
    path.chmod(0)
    with pytest.raises(SourceError, match="It cannot be read: Permission denied"):
        load(path, tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="It cannot be read: No such file"):
        load(tmp_path / "gone.md", tmp_path)


def test_a_loader_is_a_langchain_loader(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Leave\n\nText.")
    found = MarkdownLoader(tmp_path / "a.md").load()
    assert [document.metadata["title"] for document in found] == ["Leave"]
    assert found[0].page_content == "# Leave\n\nText."
