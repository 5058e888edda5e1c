"""Markdown: the file's own text, without front matter, and with HTML tables and lists written as Markdown."""

from __future__ import annotations

import re
from typing import Any

import yaml

from core.units import plain
from ingestion.loaders.files import Converted, FileLoader, decode
from ingestion.loaders.html_blocks import FENCE, replace_html_blocks

_FRONT_MATTER = re.compile(r"\A\s*---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_H1 = re.compile(r"^ {0,3}#[ \t]+(.+?)[ \t]*#*[ \t]*$|^ {0,3}(\S.*)\n=+[ \t]*$", re.MULTILINE)


class MarkdownLoader(FileLoader):
    def convert(self, data: bytes) -> Converted:
        text, front = split_front_matter(decode(data))
        title = front.get("title")
        return Converted(
            replace_html_blocks(text, self.settings),
            title.strip() if isinstance(title, str) else first_h1(text),
        )


def split_front_matter(text: str) -> tuple[str, dict[str, Any]]:
    """The text after its YAML front matter, and the front matter; all of the text where there is none."""
    match = _FRONT_MATTER.match(text)
    if match is None:
        return text, {}
    try:
        front = yaml.safe_load(match.group(1))
    except yaml.YAMLError:
        named = re.search(r"^title:[ \t]*(.+)$", match.group(1), re.MULTILINE)
        front = {"title": named.group(1).strip("'\" ")} if named else None
    return (text[match.end() :], front) if isinstance(front, dict) else (text, {})


def first_h1(text: str) -> str:
    """The first heading of level 1 as plain text, or an empty string."""
    match = _H1.search(FENCE.sub("", text))
    return plain(match.group(1) or match.group(2)) if match else ""
