"""Plain text as Markdown: lines in capitals become headings, aligned columns and `Key: value` lines lists."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ingestion.loaders.files import Converted, FileLoader, decode
from ingestion.loaders.markdown import first_h1

_KEY_VALUE = re.compile(r"[A-Z][\w /-]{0,30}: \S")
_COLUMNS = re.compile(r"(\s*)(\S(?:.{0,40}?\S)?)(?: {2,}|\t+)(\S.*)")
_LIST_MARK = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)])\s")
_LONGEST_HEADING = 70  # characters


class TextLoader(FileLoader):
    def convert(self, data: bytes) -> Converted:
        text = text_markdown(decode(data))
        return Converted(text, first_h1(text))


def text_markdown(text: str) -> str:
    """Plain text with what looks like headings, lists and columns written as Markdown."""
    paragraphs = re.split(r"\n[ \t]*\n+", text.expandtabs(8).strip("\n"))
    return "\n\n".join(_markdown(paragraph.rstrip()) for paragraph in paragraphs)


def _markdown(paragraph: str) -> str:
    lines = [line.rstrip() for line in paragraph.split("\n")]
    if len(lines) == 1 and _is_heading(lines[0]):
        return f"## {lines[0].strip()}"
    rule = next((index for index, line in enumerate(lines) if re.fullmatch(r"\s*(=+|-{3,})", line)), None)
    if rule is not None:  # an underlined heading is Markdown already; what follows it is its own paragraph
        rest = "\n".join(lines[rule + 1 :])
        return "\n".join(lines[: rule + 1]) + (f"\n\n{_markdown(rest)}" if rest.strip() else "")
    if len(lines) > 1 and all(_KEY_VALUE.match(line) for line in lines):
        return "\n".join(f"- {line}" for line in lines)
    if sum(bool(_column_match(line)) for line in lines) >= 2:
        return "\n".join(_aligned(lines))
    return "\n".join(_lists_apart(lines)) if any(map(_LIST_MARK.match, lines)) else paragraph


def _lists_apart(lines: list[str]) -> Iterator[str]:
    """A blank line where a list ends: Markdown would take what follows for a part of its last item."""
    indent: int | None = None
    for line in lines:
        depth = len(line) - len(line.lstrip())
        if _LIST_MARK.match(line):
            indent = depth
        elif indent is not None and depth <= indent:
            indent = None
            yield ""
        yield line if indent is None or depth <= 3 or _LIST_MARK.match(line) else "    " + line.strip()


def _is_heading(line: str) -> bool:
    text = line.strip()
    return (
        len(text) <= _LONGEST_HEADING
        and text == text.upper()
        and text != text.lower()
        and not text.endswith((".", ","))
    )


def _column_match(line: str) -> re.Match[str] | None:
    return None if _LIST_MARK.match(line) else _COLUMNS.fullmatch(line)


def _aligned(lines: list[str]) -> Iterator[str]:
    """`Early   06:30 - 15:00   Monday to Friday` as `- **Early** 06:30 - 15:00 Monday to Friday`.

    Lines that are indented deeper than such a line go on with it; all others are text between them.
    """
    indent: int | None = None
    entry: list[str] = []
    for line in lines:
        match = _column_match(line)
        depth = len(line) - len(line.lstrip())
        if indent is not None and depth > indent:
            entry.append(_single_blanks(line))
            continue
        if match is not None or _LIST_MARK.match(line) or indent is not None:
            if entry:
                yield " ".join(entry)
            entry, indent = [], None
            yield from [] if match or _LIST_MARK.match(line) else [""]
        if match is not None:
            indent = depth
            entry = [f"- **{match.group(2)}** {_single_blanks(match.group(3))}"]
        else:
            entry.append(line.strip())
    if entry:
        yield " ".join(entry)


def _single_blanks(text: str) -> str:
    return re.sub(r" {2,}", " ", text.strip())
