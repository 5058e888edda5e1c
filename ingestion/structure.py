"""A document's Markdown as sections of pieces: what chunks are packed from.

A piece is a span of text that should stay together (a paragraph, a list with its lead-in, a table row),
with the spans that are repeated before it wherever it lands (the lead-in, a table's header, the item above
it).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from core.units import plain
from ingestion.spans import Span, SpannedText

_UNSEEN = re.compile(  # up to its end, or to that of the block where it has none
    r"\s*<(style|script|iframe|svg|video|object)\b(?:[^>]*/>|.*?</\1\s*>|.*)", re.IGNORECASE | re.DOTALL
)
_LISTS = ("bullet_list", "ordered_list")
_SHORT_LEAD = 30  # tokens of a paragraph that counts as a list's lead-in without ending in a colon
_LONGEST_HEADING = 20  # words
_WHOLE_CODE = 2  # code up to so many times the limit stays whole


@dataclass(frozen=True, slots=True)
class Piece:
    span: Span
    leads: tuple[Span, ...] = ()
    tight: bool = False  # stands on the line after its last lead, without a blank line
    prose: bool = False


@dataclass(slots=True)
class Section:
    """The pieces under one heading, up to the next heading of any level."""

    path: tuple[str, ...]  # headings from the outermost, this one included, without the document's title
    heading: Span | None
    limit: int  # tokens that a chunk of it may have besides title and headings
    heading_tokens: int
    pieces: list[Piece] = field(default_factory=list)
    bare: bool = False  # its heading is all that it says, and stands in its pieces

    @property
    def tokens(self) -> int:
        return sum(piece.span.tokens for piece in self.pieces)


def sections(text: SpannedText, title: str, title_tokens: int, max_tokens: int) -> list[Section]:
    """The document's sections in order, those without content included."""
    markdown = MarkdownIt("commonmark").enable("table")
    markdown.core.ruler.disable("inline")
    found = [_section(None, (), title_tokens, max_tokens)]
    contents: list[list[SyntaxTreeNode]] = [[]]
    above: list[tuple[int, str, int]] = []  # level, name and tokens of the headings that are open
    for node in SyntaxTreeNode(markdown.parse(text.text)).children:
        if node.type != "heading":
            contents[-1].append(node)
            continue
        heading, level = text.lines(*_range(node)), int(node.tag[1])
        name = _name(text.of(heading), node.markup)
        if not re.search(r"\w", name):
            continue
        if len(name.split()) > _LONGEST_HEADING:  # an answer or a note in large type
            contents[-1].append(node)
            continue
        above = [entry for entry in above if entry[0] < level]
        if found[1:] or _letters(name) != _letters(title):
            above.append((level, name, heading.tokens))
        tokens = title_tokens + sum(entry[2] for entry in above)
        found.append(_section(heading, tuple(entry[1] for entry in above), tokens, max_tokens))
        contents.append([])
    for section, nodes in zip(found, contents, strict=True):
        section.pieces = _Blocks(text, section.limit).pieces(nodes)
    if any(section.pieces for section in found):
        _keep_bare_headings(found, text)
    return found


def _keep_bare_headings(found: Sequence[Section], text: SpannedText) -> None:
    """A heading with nothing below it, as of a slide that is only a title, becomes its section's piece."""
    for section, following in zip_longest(found, found[1:]):
        has_parts = following is not None and len(following.path) > len(section.path)
        if section.heading and section.path and not section.pieces and not has_parts:
            section.bare = True
            section.pieces = [Piece(_words(section.heading, text), prose=True)]


def _words(heading: Span, text: SpannedText) -> Span:
    """The heading without its marks or its underline, so that it reads as a sentence."""
    source = text.of(heading)
    marks = re.match(r"[ #]*", source)
    start = heading.start + (marks.end() if marks else 0)
    underline = re.search(r"\n *(?:=+|-+)\s*$", source)
    return text.span(start, heading.start + underline.start() if underline else heading.end)


def _section(heading: Span | None, path: tuple[str, ...], tokens: int, max_tokens: int) -> Section:
    return Section(path, heading, max(max_tokens - tokens, max_tokens // 2), tokens)


def _name(source: str, markup: str) -> str:
    """The heading's words, without marks, links and `{#anchor}`; an underlined one without its underline."""
    return plain(source if markup.startswith("#") else source.rsplit("\n", 1)[0])


def _letters(text: str) -> str:
    return re.sub(r"\W+", "", text).casefold()


def _range(node: SyntaxTreeNode) -> tuple[int, int]:
    return node.map or (0, 0)


class _Blocks:
    """Cuts the blocks of one section into pieces of at most `limit` tokens, their leads included."""

    def __init__(self, text: SpannedText, limit: int) -> None:
        self.text = text
        self.limit = limit

    def pieces(
        self, nodes: Sequence[SyntaxTreeNode], leads: tuple[Span, ...] = (), tight: bool = False
    ) -> list[Piece]:
        found: list[Piece] = []
        lead_in: Span | None = None
        for node, following in zip_longest(nodes, nodes[1:]):
            if following is not None and self._introduces(node, following):
                lead_in = self._span(node)  # it goes with what follows
                continue
            if self._is_seen(node):
                found.extend(self._block(node, lead_in, leads, tight))
            lead_in = None
        return found

    def _block(
        self, node: SyntaxTreeNode, lead_in: Span | None, leads: tuple[Span, ...], tight: bool
    ) -> Iterator[Piece]:
        span = self._span(node)
        if lead_in is not None:
            whole = Span(lead_in.start, span.end, lead_in.tokens + span.tokens)
            if self._fits(whole, leads):
                yield Piece(whole, leads, tight)
                return
            lead = self._repeated(lead_in, -1)
            if lead.start > lead_in.start:
                yield from self._prose(self.text.span(lead_in.start, lead.start), leads, tight)
            leads, tight = (*leads, lead), False
        if self._fits(span, leads):
            yield Piece(span, leads, tight, prose=node.type in ("paragraph", "heading"))
        elif node.type == "table":
            yield from self._table(node, leads)
        elif node.type in _LISTS:
            for item in node.children:
                yield from self._item(item, leads, tight)
        elif node.type in ("fence", "code_block"):
            yield from self._code(node, span, leads)
        elif node.type == "blockquote" and node.children:
            yield from self.pieces(node.children, leads, tight)
        else:
            yield from self._prose(span, leads, tight)

    def _table(self, node: SyntaxTreeNode, leads: tuple[Span, ...]) -> Iterator[Piece]:
        first, last = _range(node)
        header = self.text.lines(first, first + 2)
        if header.tokens <= self.limit // 2:
            leads = (*leads, header)
        else:
            yield Piece(header, leads)
        yield from self._lines(first + 2, last, leads)

    def _item(self, node: SyntaxTreeNode, leads: tuple[Span, ...], tight: bool) -> Iterator[Piece]:
        span = self._span(node)
        if self._fits(span, leads) or not node.children:
            if span.tokens:
                yield Piece(span, leads, tight)
            return
        opening = self.text.span(span.start, self._span(node.children[0]).end)  # the mark and the first block
        if len(node.children) == 1 or node.children[0].type != "paragraph":
            yield from self._prose(span, leads, tight)
            return
        lead = self._repeated(opening, 0)
        if lead.tokens > self.limit // 3:
            yield from self._prose(opening, leads, tight)
        else:
            leads = (*leads, lead)
            if lead.end < opening.end:
                yield from self._prose(self.text.span(lead.end, opening.end), leads, True)
        yield from self.pieces(node.children[1:], leads, True)

    def _code(self, node: SyntaxTreeNode, span: Span, leads: tuple[Span, ...]) -> Iterator[Piece]:
        if span.tokens <= _WHOLE_CODE * self.limit:
            yield Piece(span, leads)
            return
        first, last = _range(node)
        if node.type == "fence":
            leads = (*leads, self.text.lines(first, first + 1))
            first, last = first + 1, last - 1
        yield from self._lines(first, last, leads)

    def _lines(self, first: int, last: int, leads: tuple[Span, ...]) -> Iterator[Piece]:
        for number in range(first, last):
            line = self.text.lines(number, number + 1)
            if line.tokens:
                yield from (Piece(part, leads, tight=True) for part in self._cut(line, leads))

    def _prose(self, span: Span, leads: tuple[Span, ...], tight: bool) -> Iterator[Piece]:
        """Whole where it fits, else sentence by sentence."""
        if self._fits(span, leads):
            if span.tokens:
                yield Piece(span, leads, tight, prose=True)
            return
        for sentence in self.text.sentences(span):
            for part in self._cut(sentence, leads):
                yield Piece(part, leads, tight, prose=True)

    def _cut(self, span: Span, leads: tuple[Span, ...]) -> list[Span]:
        if self._fits(span, leads):
            return [span]
        return self.text.cut(span, max(self.limit - sum(lead.tokens for lead in leads), self.limit // 3))

    def _repeated(self, span: Span, sentence: int) -> Span:
        """What of a lead-in is repeated: all of it where it is short, else one of its sentences."""
        if span.tokens <= self.limit // 4:
            return span
        sentences = self.text.sentences(span)
        return sentences[sentence] if sentences else span

    def _introduces(self, node: SyntaxTreeNode, following: SyntaxTreeNode) -> bool:
        """True where a paragraph is the lead-in of the list, table or code after it."""
        if node.type != "paragraph" or not self._is_seen(following):
            return False
        span = self._span(node)
        colon = plain(self.text.of(span)).endswith(":")
        if following.type in ("table", *_LISTS):
            return colon or 0 < span.tokens <= _SHORT_LEAD
        return colon and following.type in ("fence", "code_block")

    def _is_seen(self, node: SyntaxTreeNode) -> bool:
        if node.type == "hr":
            return False
        return re.search(r"\w", plain(self.text.of(self._span(node)))) is not None

    def _fits(self, span: Span, leads: tuple[Span, ...]) -> bool:
        return span.tokens + sum(lead.tokens for lead in leads) <= self.limit

    def _span(self, node: SyntaxTreeNode) -> Span:
        span = self.text.lines(*_range(node))
        if node.type == "heading":
            return _words(span, self.text)
        return self._seen(span) if node.type == "html_block" else span

    def _seen(self, span: Span) -> Span:
        """What of a block of HTML follows the elements at its start that no reader sees."""
        source, start = self.text.of(span), 0
        while unseen := _UNSEEN.match(source, start):
            start = unseen.end()
        blank = re.compile(r"\s*").match(source, start) if start else None
        return self.text.span(span.start + blank.end(), span.end) if blank else span
