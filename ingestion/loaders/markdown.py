"""Markdown: the file's own text without front matter, HTML tables and lists in it written as Markdown.

Metadata: `front_matter`, its plain values and lists of these; `rewritten` where HTML became Markdown, so that
a table's row is not the file's own line.
"""

from __future__ import annotations

import math
import re
from datetime import date
from typing import Any

import yaml

from core.units import plain
from ingestion.loaders.admonitions import without_admonition_marks
from ingestion.loaders.files import Converted, FileLoader, decode
from ingestion.loaders.html_blocks import FENCE, replace_html_blocks

_FRONT_MATTER = re.compile(r"\A\s*---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_H1 = re.compile(r"^ {0,3}#[ \t]+(.+?)[ \t]*#*[ \t]*$|^ {0,3}(\S.*)\n=+[ \t]*$", re.MULTILINE)


class MarkdownLoader(FileLoader):
    reads_markdown = True

    def convert(self, data: bytes) -> Converted:
        text, front = split_front_matter(decode(data))
        title = front.pop("title", None)
        named = title.strip() if isinstance(title, str) else first_h1(text)
        replaced = replace_html_blocks(text, self.settings)
        rewritten = replaced != text
        text = without_admonition_marks(replaced)
        kept = {str(key): shown for key, value in front.items() if (shown := _plain_value(value)) is not None}
        metadata: dict[str, Any] = {"front_matter": kept} if kept else {}
        return Converted(text, named, metadata | ({"rewritten": True} if rewritten else {}))


def _plain_value(value: object) -> object:
    """A value of the front matter that JSON can hold: plain ones and lists of these, dates as text."""
    if isinstance(value, list):
        shown = [None if isinstance(item, list) else _plain_value(item) for item in value]
        return [item for item in shown if item is not None]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool) else None


def split_front_matter(text: str) -> tuple[str, dict[str, Any]]:
    """The text after its YAML front matter, and the front matter; all of the text where there is none."""
    match = _FRONT_MATTER.match(text)
    if match is None:
        return text, {}
    try:
        front = yaml.safe_load(match.group(1))
    except (yaml.YAMLError, ValueError):  # ValueError: a date that does not exist
        named = re.search(r"^title:[ \t]*(.+)$", match.group(1), re.MULTILINE)
        front = {"title": named.group(1).strip("'\" ")} if named else None
    return (text[match.end() :], front) if isinstance(front, dict) else (text, {})


def first_h1(text: str) -> str:
    """The first heading of level 1 as plain text, or an empty string."""
    match = _H1.search(FENCE.sub("", text))
    return plain(match.group(1) or match.group(2)) if match else ""
