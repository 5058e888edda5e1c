"""Emails: who wrote what to whom, the text, and the names of the attachments."""

from __future__ import annotations

import re
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.ingestion.making import loaded, refusal


def email(
    body: str = "Hi all,\n\nthe café opens at 8.\n\n- Monday\n- Tuesday\n\nBest\n-- \nRosa\n",
) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Rösa <rosa@acme.example>"
    message["To"] = "all@acme.example"
    message["Subject"] = "New café hours"
    message["Date"] = "Tue, 3 Mar 2026 09:30:00 +0100"
    message.set_content(body)
    return message


def test_the_subject_is_the_title_and_the_plain_text_the_body(tmp_path: Path) -> None:
    message = email()
    message.add_alternative("<p>not this</p>", subtype="html")
    document = loaded(tmp_path, "mail.eml", message.as_bytes())
    assert document.title == "New café hours"
    assert document.text == (
        "# New café hours\n\n- From: Rösa <rosa@acme.example>\n- To: all@acme.example\n"
        "- Date: 2026-03-03 09:30\n\n"
        "Hi all,\n\nthe café opens at 8.\n\n- Monday\n- Tuesday\n\nBest\n\nRosa"
    )


def test_an_email_of_html_is_read_as_a_page(tmp_path: Path) -> None:
    message = email()
    message.set_content("<html><script>x()</script><h2>Hours</h2><ul><li>8 to 5</ul>", subtype="html")
    assert loaded(tmp_path, "a.eml", message.as_bytes()).text.endswith("09:30\n\n## Hours\n\n- 8 to 5")


def test_a_blank_plain_text_does_not_hide_the_page_beside_it(tmp_path: Path) -> None:
    message = email(" \n")
    message.add_alternative("<p>The notice is 30 days.</p>", subtype="html")
    assert loaded(tmp_path, "a.eml", message.as_bytes()).text.endswith("09:30\n\nThe notice is 30 days.")


def test_all_texts_around_pictures_are_read_and_attached_ones_are_not(tmp_path: Path) -> None:
    message = email("First.")
    message.make_mixed()
    for text, disposition, name in (
        ("", "inline", "plan.png"),
        ("The notice is 30 days.", None, None),
        ("Not this.", "inline", "log.txt"),
        ("Nor this.", "attachment", None),
    ):
        part = EmailMessage()
        part.set_content(text)
        if name == "plan.png":
            part.set_content(b"x", maintype="image", subtype="png")
        if disposition:
            part.add_header("Content-Disposition", disposition, **({"filename": name} if name else {}))
        message.attach(part)
    found = loaded(tmp_path, "a.eml", message.as_bytes()).text
    assert found.endswith("\n\nFirst.\n\nThe notice is 30 days.")


def test_quoted_replies_are_kept(tmp_path: Path) -> None:
    found = loaded(tmp_path, "a.eml", email("Yes.\n\nOn Monday Wim wrote:\n> Does it open?\n").as_bytes())
    assert found.text.endswith("Yes.\n\nOn Monday Wim wrote:\n> Does it open?")


def test_attachments_are_named(tmp_path: Path) -> None:
    message = email("See there.")
    message.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="../menü\n.pdf")
    message.add_attachment(email("Inner."))
    document = loaded(tmp_path, "a.eml", message.as_bytes())
    assert "- Attachments: ../menü .pdf, New café hours\n" in document.text
    assert document.text.endswith("See there.")
    assert document.metadata["attachments"] == ["../menü .pdf", "New café hours"]


@pytest.mark.parametrize(
    ("charset", "body"),
    [("klingon", "Größe".encode()), ("ascii", "Größe".encode("cp1252")), ("utf-8", "Größe".encode())],
)
def test_character_sets_that_are_wrong_or_unknown_do_not_cost_the_text(
    tmp_path: Path, charset: str, body: bytes
) -> None:
    head = f"From: a@b.example\nSubject: x\nContent-Type: text/plain; charset={charset}\n\n".encode()
    found = loaded(tmp_path, "a.eml", head + b"Die " + body + b" zaehlt.").text
    assert found.splitlines()[-1].startswith("Die Gr")
    assert found.endswith("e zaehlt.")
    assert charset == "ascii" or "Größe" in found


@pytest.mark.parametrize(
    ("charset", "body"),
    [
        ("charset=us-ascii", "Größe".encode("cp1252")),
        ("charset=us-ascii", "Größe".encode()),
        ("charset=utf-8", "Größe".encode("cp1252")),
        ("charset=iso-8859-1", "Größe – 5 €".encode("cp1252")),
        ("format=flowed", "Größe".encode()),
        ("charset=hex", "Größe".encode()),
    ],
)
def test_a_wrong_character_set_costs_no_letter(tmp_path: Path, charset: str, body: bytes) -> None:
    head = f"From: a@b.example\nContent-Type: text/plain; {charset}\nContent-Transfer-Encoding: 8bit\n\n"
    found = loaded(tmp_path, "a.eml", head.encode() + body).text
    assert "Größe" in found
    assert "\ufffd" not in found
    assert not re.search(r"[\x80-\x9f]", found)


def test_malformed_headers_are_shown_as_they_are(tmp_path: Path) -> None:
    head = b"From: =?utf-8?q?broken\nTo: <<<\nDate: yesterday\nSubject: =?x?b?!!?=\n\nText.\n"
    found = loaded(tmp_path, "a.eml", head).text
    assert "- Date: yesterday" in found
    assert found.endswith("Text.")


def test_what_is_no_email_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a.eml", "Just some text.").startswith("It is not an email")
    assert refusal(tmp_path, "b.eml", b"\x00\x01\x02\xff").startswith("It is not an email")
    assert (
        loaded(tmp_path, "c.eml", "From: a@b.example\n\n").text
        == "# Email without a subject\n\n- From: a@b.example"
    )


def test_an_email_under_another_name_stays_text(tmp_path: Path) -> None:
    assert loaded(tmp_path, "a.txt", email().as_bytes()).title == "A"


@pytest.mark.timeout(30)
def test_parts_that_are_nested_without_end_are_named(tmp_path: Path) -> None:
    parts = "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(2000))
    message = f"From: a@b.example\n{parts}\nText."
    assert "INHOUSE_INGESTION__MAX_NESTING" in refusal(tmp_path, "a.eml", message)
