"""Cuts a passage into answer units: what a person would quote when asked.

A unit is a sentence, a list item, a table row or a code block. `Unit.text` is a verbatim slice of the
passage; `Unit.lead` is what makes it readable on its own (the sentence a list hangs from, a table's header
row).
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from core.markup import without_tags

UnitKind = Literal["sentence", "item", "row", "code"]

_ABBREVIATIONS = (
    "e.g", "i.e", "etc", "vs", "cf", "approx", "incl", "excl", "no", "nos", "nr", "fig", "sec", "ch", "vol",
    "pp", "ed", "eds", "al", "mr", "mrs", "ms", "dr", "prof", "st", "sr", "jr", "inc", "ltd", "co", "corp",
    "dept", "est", "ext", "tel", "min", "max", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep",
    "sept", "oct", "nov", "dec", "mt", "gen", "col", "sgt", "capt", "rev",
)  # fmt: skip
_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)\]*_]*(?=\s+[\"'“‘(\[*_`]*[A-Z0-9À-ÞÄÖÜ])|[。！？]|\n\s*\n")
_LIST_ITEM = re.compile(r"^(\s*)(?:[-*+•]|\d{1,3}[.)]|[a-zA-Z][.)])\s+(?:\[[ xX]\]\s+)?")
_TABLE_RULE = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?\s*$")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_IMAGE = re.compile(r"!\[([^\]]*)\]\([^)]*\)")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_REFERENCE = re.compile(r"\[([^\]]*)\]\[[^\]]*\]")
# Blanks, not white space: a pattern that may cross line ends takes cubic time on a run of empty lines.
_RULE = re.compile(
    r"^[ \t]*(?:\|[ \t]*)?:?-{2,}:?[ \t]*(?:\|[ \t]*:?-{2,}:?[ \t]*)*(?:\|[ \t]*)?$", re.MULTILINE
)
_HEADING_OR_QUOTE = re.compile(r"^[ \t]{0,3}(?:#{1,6}[ \t]+|>[ \t]?)+", re.MULTILINE)
_ITEM_MARK = re.compile(r"^[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?", re.MULTILINE)
_STRONG = re.compile(r"\*\*|__|~~|`+")
_EMPHASIS = re.compile(r"(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)")
_ATTRIBUTES = re.compile(r"\s*\{[#.:][^}]*\}")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+.!|>-])")
_INVISIBLE = re.compile(r"\u00ad[ \t]*\n?[ \t]*|[\u200b-\u200d\ufeff]")  # a soft hyphen's word goes on
_LONG_ITEM_WORDS = 45
_FAQ_MARK = re.compile(r"^(?:A|Answer)\s*[:.]\s+")


@dataclass(frozen=True, slots=True)
class Unit:
    text: str
    lead: str
    kind: UnitKind
    start: int  # character offset of `text` in the passage
    heading: str = ""  # the nearest heading line above it within the passage, plain

    def readable(self) -> str:
        """The unit as plain text: a table row as `header: cell` pairs, an item without its mark."""
        if self.kind == "row":
            return _row_sentence(self.text, self.lead)
        if self.kind == "code":
            return self.text.strip()
        return _FAQ_MARK.sub("", plain(self.text))

    def in_context(self) -> str:
        """`readable` with the lead-in in front: what the models read."""
        lead = self.readable_lead()
        return f"{lead}: {self.readable()}" if lead else self.readable()

    def readable_lead(self) -> str:
        """The lead-in as plain text without its colon; empty for a row, or where the unit begins so."""
        lead = "" if self.kind == "row" else plain(self.lead).rstrip(":")
        return "" if self.readable().startswith(lead) else lead


def plain(text: str) -> str:
    """Markdown as a person reads it: no marks, no link targets, no tags; white space folded to single
    blanks, letters `composed`.
    """
    # Each pattern is tried only where its sign is in the text: most passages have few of them.
    if "<" in text:
        text = _COMMENT.sub(" ", text)
    if "[" in text:
        text = _IMAGE.sub(r"\1", text)
        text = _LINK.sub(r"\1", text)
        text = _REFERENCE.sub(r"\1", text)
    if "<" in text:
        text = without_tags(text)
    if "--" in text:
        text = _RULE.sub(" ", text)
    if "#" in text or ">" in text:
        text = _HEADING_OR_QUOTE.sub("", text)
    text = _ITEM_MARK.sub("", text)
    if "*" in text or "_" in text or "`" in text or "~" in text:
        text = _STRONG.sub("", text)
        text = _EMPHASIS.sub("", text)
    if "{" in text:
        text = _ATTRIBUTES.sub("", text)
    if "\\" in text:
        text = _ESCAPED.sub(r"\1", text)
    text = html.unescape(text).replace("|", " | ")
    return " ".join(composed(text).split()).strip(" |")


def composed(text: str) -> str:
    """As texts are searched and compared: a letter and its accent as one, nothing invisible within words."""
    return text if text.isascii() else unicodedata.normalize("NFC", _INVISIBLE.sub("", text))


def split_sentences(text: str) -> list[str]:
    """Verbatim slices of the text, one a sentence, stripped; abbreviations, initials and decimals do not end
    one.
    """
    return [text[start:end] for start, end in _sentence_spans(text)]


def split_units(passage: str) -> list[Unit]:
    """The answer units of a passage in their order. Heading lines are context, not units."""
    return _Splitter(passage).units()


def _sentence_spans(text: str) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        if _is_abbreviation(text[start : match.start()], match.group()):
            continue
        spans.append((start, match.end()))
        start = match.end()
    spans.append((start, len(text)))
    return [stripped for span in spans if (stripped := _strip_span(text, *span))]


def _is_abbreviation(before: str, end: str) -> bool:
    if not end.startswith(".") or end.startswith(".."):
        return False
    word = re.search(r"([\w.]+)$", before)
    if word is None:
        return False
    last = word.group(1).lower()
    return (
        last in _ABBREVIATIONS
        or (len(last) == 1 and last.isalpha() and last != "i")
        or (before.strip() == last and last.isdigit())
    )


def _strip_span(text: str, start: int, end: int) -> tuple[int, int] | None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return (start, end) if end > start else None


def cells(row: str) -> list[str]:
    """The cells of a Markdown table row, as plain text."""
    body = row.strip()
    body = body[1:] if body.startswith("|") else body
    body = body[:-1] if body.endswith("|") and not body.endswith("\\|") else body
    return [plain(cell) for cell in re.split(r"(?<!\\)\|", body)]


def _row_sentence(row: str, header: str) -> str:
    values, names = cells(row), cells(header) if header else []
    if len(names) != len(values) or not any(names):
        return " – ".join(value for value in values if value)
    parts = [
        f"{name}: {value}" if name else value for name, value in zip(names, values, strict=True) if value
    ]
    return "; ".join(parts)


class _Splitter:
    """Walks the lines of a passage once; what is open (a paragraph, an item, a table) is flushed when it
    ends.
    """

    def __init__(self, passage: str) -> None:
        self.passage = passage
        self.found: list[Unit] = []
        self.lead = ""  # the sentence that the next list hangs from
        self.heading = ""
        self.parents: list[tuple[int, str]] = []  # (indent, text) of the list items that are open
        self.header = ""  # the header row of the table that is open
        self.block: tuple[int, int, bool, int] | None = None  # start, end, is an item, indent

    def units(self) -> list[Unit]:
        lines = self._lines()
        index = 0
        while index < len(lines):
            index = self._line(lines, index)
        self._flush()
        return self.found

    def _lines(self) -> list[tuple[int, str]]:
        position, lines = 0, []
        for line in self.passage.splitlines(keepends=True):
            lines.append((position, line))
            position += len(line)
        return lines

    def _line(self, lines: list[tuple[int, str]], index: int) -> int:
        """Takes one line, or a whole code block; returns the index of the next line."""
        start, line = lines[index]
        stripped = line.strip()
        if stripped.startswith(("```", "~~~")):
            return self._code(lines, index)
        if stripped.startswith("|") or (self.header and "|" in stripped):
            self._flush()
            following = lines[index + 1][1] if index + 1 < len(lines) else ""
            self._row(start, line, following)
            return index + 1
        self.header = ""
        item = _LIST_ITEM.match(line)
        if (
            not stripped
            or stripped.startswith("#")
            or stripped.startswith("<!--")
            or set(stripped) <= set("-=*_ ")
        ):
            self._flush()
            if stripped.startswith("#"):
                self.heading, self.lead, self.parents = plain(stripped), "", []
        elif item:
            self._flush()
            self.block = (
                start + item.end(),
                start + len(line.rstrip()),
                True,
                len(item.group(1).expandtabs(4)),
            )
        elif self.block is None:
            indent = len(line) - len(line.lstrip())
            offset = len(line) - len(line.lstrip(" \t>"))
            self.block = (start + offset, start + len(line.rstrip()), False, indent)
        else:
            self.block = (self.block[0], start + len(line.rstrip()), *self.block[2:])
        return index + 1

    def _code(self, lines: list[tuple[int, str]], index: int) -> int:
        self._flush()
        fence, end = lines[index][1].strip()[:3], index + 1
        while end < len(lines) and not lines[end][1].strip().startswith(fence):
            end += 1
        start = lines[index + 1][0] if index + 1 < len(lines) else lines[index][0]
        stop = lines[end][0] if end < len(lines) else len(self.passage)
        if span := _strip_span(self.passage, start, stop):
            self.found.append(Unit(self.passage[span[0] : span[1]], self.lead, "code", span[0], self.heading))
        return end + 1

    def _row(self, start: int, line: str, following: str) -> None:
        if _TABLE_RULE.match(line):
            return
        if _TABLE_RULE.match(following):
            self.header = line.strip()
            return
        text = line.strip()
        if any(cells(text)):
            self.found.append(Unit(text, self.header, "row", start + line.index(text), self.heading))

    def _flush(self) -> None:
        if self.block is None:
            return
        start, end, is_item, indent = self.block
        self.block = None
        if is_item:
            self._item(start, end, indent)
        else:
            self._paragraph(start, end, indent)

    def _paragraph(self, start: int, end: int, indent: int) -> None:
        inside = [text for level, text in self.parents if level < indent]
        if not inside:
            self.parents = []
        self._sentences(start, end, inside[-1] if inside else "", "sentence")
        last = self.found[-1].text if self.found else ""
        self.lead = last if last.rstrip("*_ ").endswith(":") else ""

    def _item(self, start: int, end: int, indent: int) -> None:
        self.parents = [(level, text) for level, text in self.parents if level < indent]
        lead = self.parents[-1][1] if self.parents else self.lead
        text = self.passage[start:end]
        if len(text.split()) > _LONG_ITEM_WORDS:
            bold = re.match(r"\*\*([^*]{2,60})\*\*", text)
            self._sentences(start, end, lead or (bold.group(1) if bold else ""), "item")
        elif plain(text):
            self.found.append(Unit(text, lead, "item", start, self.heading))
        sentences = split_sentences(text)
        self.parents.append((indent, sentences[0] if sentences else text))

    def _sentences(self, start: int, end: int, lead: str, kind: UnitKind) -> None:
        for first, last in _sentence_spans(self.passage[start:end]):
            text = self.passage[start + first : start + last]
            if re.search(r"\w", plain(text)):
                self.found.append(Unit(text, lead, kind, start + first, self.heading))
