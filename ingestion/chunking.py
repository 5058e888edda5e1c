"""A document cut into chunks: by its structure first, by tokens where a part of it is longer than a chunk.

Sections do not share a chunk, except neighbours of a line or two each. What was cut apart is given its
context again: a table's header row, a list's lead-in, the last sentence of the prose before.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from core.types import Chunk, Document, Labels
from ingestion.spans import CountTokens, Span, SpannedText
from ingestion.structure import Piece, Section, sections

_TINY = 8  # a section of up to 1/8 of a chunk may share one with neighbours of that size
_SHARED = 2  # up to 1/2 of a chunk together


def chunk(
    document: Document, *, count_tokens: CountTokens, max_tokens: int, overlap_sentences: int
) -> list[Chunk]:
    """The document's chunks in order; none where it has no words.

    `count_tokens` is the embedder's. Title and headings count towards `max_tokens`, Markdown marks and link
    targets do not. Only code may be longer, up to twice. Each line of a chunk is part of a document's line.
    """
    text, found = SpannedText(document.text, count_tokens), list[Chunk]()
    pages = [text.line_start(line) for line in document.metadata.get("page_starts", ())]
    found_sections = sections(text, document.title, count_tokens(document.title), max_tokens)
    for section in _merged(found_sections, max_tokens):
        for pieces in _packed(section, text, overlap_sentences):
            spans = list(_spans(pieces))
            tokens = section.heading_tokens + sum(span.tokens for span, _ in spans)
            rendered, placed = _rendered(text, spans)
            metadata = _paged(placed, pages)
            found.append(_chunk(document, section.path, rendered, len(found), tokens, metadata))
    return found


def _chunk(
    document: Document,
    path: tuple[str, ...],
    text: str,
    ordinal: int,
    tokens: int,
    metadata: Mapping[str, Any],
) -> Chunk:
    # Whatever is stored with the vector is part of the id: the same id always means the same vector.
    embedded = "\n".join((document.title, *path, text))
    if document.labels != Labels():
        embedded += repr(document.labels)  # they stand beside the vector
    digest = hashlib.sha1(embedded.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return Chunk(
        id=f"{document.id}-{ordinal}-{digest}",
        document_id=document.id,
        source=document.source,
        title=document.title,
        headings=path,
        text=text,
        ordinal=ordinal,
        tokens=tokens,
        metadata={**metadata, **({"rewritten": True} if document.metadata.get("rewritten") else {})},
        labels=document.labels,
    )


def _paged(placed: Iterable[tuple[int, Span]], pages: Sequence[int]) -> dict[str, Any]:
    """`page`, from 1, where a chunk begins, and `page_breaks`, where others begin in it: [position, page].

    `placed` are its spans by their position in it, `pages` where the document's pages begin.
    """
    if not pages:
        return {}
    found: list[list[int]] = []
    for position, span in placed:
        within = pages[bisect_right(pages, span.start) : bisect_left(pages, span.end)]
        for start in (span.start, *within):
            page = bisect_right(pages, start)
            if not found or found[-1][1] != page:
                found.append([position + start - span.start, page])
    return {"page": found[0][1], **({"page_breaks": found[1:]} if found[1:] else {})}


# Sections


def _merged(found: Sequence[Section], max_tokens: int) -> list[Section]:
    """Sections with content, tiny siblings joined; of a document that has only headings, those."""
    filled = [section for section in found if section.pieces]
    if not filled:
        only = [replace(section, pieces=[Piece(section.heading)]) for section in found if section.heading]
        return [_joined(only)] if only else []
    parents = {section.path[:-1] for section in found}
    result: list[Section] = []
    for parent, run in groupby(filled, lambda section: _sharing(section, parents, max_tokens)):
        members = list(run)
        if parent is None:
            result.extend(_joined([section]) for section in members)
        else:
            result.extend(_joined(group) for group in _shares(members, max_tokens // _SHARED))
    return result


def _sharing(section: Section, parents: set[tuple[str, ...]], max_tokens: int) -> tuple[str, ...] | None:
    """The parent's path of a section that may share a chunk; a heading that asks stands for itself."""
    tiny = section.tokens <= max_tokens // _TINY and section.path and section.path not in parents
    return section.path[:-1] if tiny and not section.path[-1].endswith("?") else None


def _shares(members: Sequence[Section], room: int) -> Iterator[list[Section]]:
    group: list[Section] = []
    for section in members:
        misplaced = group and section.bare and not group[-1].bare  # it would read as part of the other
        if misplaced or (group and sum(_with_heading(other) for other in (*group, section)) > room):
            yield group
            group = []
        group.append(section)
    yield group


def _with_heading(section: Section) -> int:
    return section.tokens + (section.heading.tokens if section.heading else 0)


def _joined(group: Sequence[Section]) -> Section:
    """One section under the parent's path, with the members' heading lines in its text.

    A heading that is all of its section stands there as a sentence.
    """
    if len(group) == 1 and not group[0].bare:
        return group[0]
    pieces: list[Piece] = []
    for section in group:
        if section.heading and not section.bare and section.pieces[0].span != section.heading:
            pieces.append(Piece(section.heading))
        pieces.extend(section.pieces)
    return replace(group[0], path=group[0].path[:-1], pieces=pieces)


# Packing


def _packed(section: Section, text: SpannedText, overlap_sentences: int) -> Iterator[list[Piece]]:
    """The section's pieces in as few chunks as it needs, of about the same size."""
    total = section.tokens
    share = total / math.ceil(total / section.limit) if total else section.limit
    packed: list[Piece] = []
    size = 0
    for piece in section.pieces:
        if packed and (size >= share or size + _cost(piece, packed) > section.limit):
            yield packed
            piece = _overlapping(packed[-1], piece, text, overlap_sentences, section.limit)
            packed, size = [], 0
        size += _cost(piece, packed)
        packed.append(piece)
    if packed:
        yield packed


def _cost(piece: Piece, packed: Iterable[Piece]) -> int:
    """Tokens that the piece adds to a chunk, with those of its leads that are not in it yet."""
    present = {lead for other in packed for lead in other.leads}
    return piece.span.tokens + sum(lead.tokens for lead in piece.leads if lead not in present)


def _overlapping(before: Piece, after: Piece, text: SpannedText, sentences: int, limit: int) -> Piece:
    """The piece with the last sentences of the one before it, where both are prose."""
    if not sentences or not (before.prose and after.prose):
        return after
    widened = replace(after, leads=(*text.sentences(before.span)[-sentences:], *after.leads))
    return widened if _cost(widened, []) <= limit else after


def _spans(pieces: Iterable[Piece]) -> Iterator[tuple[Span, bool]]:
    """The spans of a chunk in order, each lead once, and whether it stands right below what is before it."""
    seen: set[Span] = set()
    for piece in pieces:
        for lead in piece.leads:
            if lead not in seen:
                seen.add(lead)
                yield lead, False
        yield piece.span, piece.tight


def _rendered(text: SpannedText, spans: Iterable[tuple[Span, bool]]) -> tuple[str, list[tuple[int, Span]]]:
    """A chunk's text, and where in it each span begins.

    Spans that are neighbours in the document keep the white space between them.
    """
    rendered = ""
    placed: list[tuple[int, Span]] = []
    end = -1
    for span, tight in spans:
        between = text.text[end : span.start] if 0 <= end <= span.start else "-"
        if placed:
            rendered += between if not between.strip() else "\n" if tight else "\n\n"
        placed.append((len(rendered), span))
        rendered += text.of(span)
        end = span.end
    stripped = rendered.strip("\n")
    cut = len(rendered) - len(rendered.lstrip("\n"))
    return stripped, [(max(0, position - cut), span) for position, span in placed]
