"""HTML tables and lists inside Markdown, written as Markdown, so that their rows and items can be quoted."""

from __future__ import annotations

import re

from core.settings import IngestionSettings
from ingestion.loaders.html_marks import blocks
from ingestion.loaders.limits import parsed_html

_OPENING = re.compile(r"^[ \t]*<(table|ul|ol)\b", re.IGNORECASE | re.MULTILINE)
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)


def replace_html_blocks(text: str, settings: IngestionSettings) -> str:
    """Replaces tables and lists whose opening tag begins a line; code and all other HTML stay as they are."""
    if not _OPENING.search(text):
        return text
    code = [match.span() for match in FENCE.finditer(text)]
    parts: list[str] = []
    done = 0
    for match in _OPENING.finditer(text):
        end = _closing(text, match.start(), match.group(1))
        if match.start() < done or end is None or any(start <= match.start() < stop for start, stop in code):
            continue
        body = parsed_html(text[match.start() : end], settings).body
        markdown = "\n\n".join(blocks(body)) if body else ""
        parts.append(f"{text[done : match.start()].rstrip()}\n\n{markdown}\n\n")
        done = end
        while text[done : done + 1] in ("\n", " ", "\t"):
            done += 1
    return "".join(parts) + text[done:]


def _closing(text: str, start: int, tag: str) -> int | None:
    """Where the element that opens at `start` ends, elements of its kind inside it counted."""
    depth = 0
    for match in re.compile(rf"<(/?){tag}\b[^>]*>", re.IGNORECASE).finditer(text, start):
        depth += -1 if match.group(1) else 1
        if depth == 0:
            return match.end()
    return None
