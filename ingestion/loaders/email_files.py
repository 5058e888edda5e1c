"""Emails by the standard library: the subject as title, who wrote when, the text, attachments by name."""

from __future__ import annotations

import codecs
import re
from email import message_from_bytes, policy
from email.message import EmailMessage, Message, MIMEPart
from email.utils import parsedate_to_datetime

from core.errors import SourceError
from ingestion.loaders.files import Converted, FileLoader
from ingestion.loaders.html import html_markdown
from ingestion.loaders.records import one_line
from ingestion.loaders.text import text_markdown

_SHOWN = ("From", "To", "Cc", "Date")
_SIGNATURE = re.compile(r"^-- ?$", re.MULTILINE)


class EmailLoader(FileLoader):
    """Metadata: `attachments`, their names. Raises SourceError where it is no email."""

    def convert(self, data: bytes) -> Converted:
        message = message_from_bytes(data, policy=policy.default)
        if not isinstance(message, EmailMessage) or not any(map(message.keys().__contains__, _SHOWN)):
            raise SourceError("It is not an email: it names neither a sender nor a date.")
        subject = _header(message, "Subject") or "Email without a subject"
        lines = [f"- {name}: {value}" for name in _SHOWN if (value := _header(message, name))]
        attachments = [name for part in _attachments(message) if (name := _name(part))]
        if attachments:
            lines.append(f"- Attachments: {', '.join(attachments)}")
        parts = [f"# {subject}", "\n".join(lines), *self._bodies(message)]
        metadata = {"attachments": attachments} if attachments else {}
        return Converted("\n\n".join(filter(None, parts)), subject, metadata)

    def _bodies(self, part: Message) -> list[str]:
        """The texts in a part but for attachments; of alternatives the plain one, where it says anything."""
        if part.get_content_maintype() == "multipart":
            inner = part.get_payload()
            parts = [each for each in inner if isinstance(each, Message)] if isinstance(inner, list) else []
            if part.get_content_subtype() != "alternative":
                return [text for each in parts if not _is_attached(each) for text in self._bodies(each)]
            parts.sort(key=lambda each: each.get_content_type() != "text/plain")
            return next((found for each in parts if (found := self._bodies(each))), [])
        if part.get_content_type() not in ("text/plain", "text/html"):
            return []
        text = self._markdown(_text(part), part.get_content_subtype())
        return [text] if re.search(r"\w", text) else []

    def _markdown(self, text: str, subtype: str) -> str:
        if subtype == "html":
            return html_markdown(text, self.settings)
        # The dashes above a signature would make a heading of the line before them.
        return text_markdown(_SIGNATURE.sub("", re.sub(r"\r\n?", "\n", text)))


def _is_attached(part: Message) -> bool:
    """Also a named file that programs may show below the text."""
    disposition = part.get_content_disposition()
    return disposition == "attachment" or (disposition is not None and part.get_filename() is not None)


def _text(part: Message) -> str:
    """The part as text; a character set that is unknown or wrong costs only the characters that it breaks."""
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else str(payload or "").encode("utf-8", "replace")
    charset = part.get_content_charset("ascii")
    try:
        latin = codecs.lookup(charset).name == "iso8859-1"
        return data.decode("cp1252" if latin else charset)  # as browsers read Latin-1
    except (LookupError, UnicodeError):
        pass
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _header(message: EmailMessage, name: str) -> str:
    try:
        value = one_line(str(message.get(name) or ""))
        return parsedate_to_datetime(value).strftime("%Y-%m-%d %H:%M") if name == "Date" and value else value
    except Exception:  # the standard library raises many kinds of errors on malformed headers
        raw = dict(message.raw_items()).get(name, "")
        return one_line(str(raw))


def _attachments(message: EmailMessage) -> list[MIMEPart]:
    try:
        return list(message.iter_attachments())
    except (AttributeError, KeyError, TypeError):  # a body that says it has parts and has none
        return []


def _name(part: MIMEPart) -> str:
    name = part.get_filename()
    if not name and part.get_content_type() == "message/rfc822":
        inner = part.get_payload()
        first = inner[0] if isinstance(inner, list) and inner else None
        name = first.get("Subject", "") if isinstance(first, Message) else ""
    return re.sub(r"[\x00-\x1f]", "", one_line(str(name or "")))
