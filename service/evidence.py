"""Where the current index holds what a logged answer cited, or what a correction says."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.types import Chunk
from core.units import Unit, split_sentences, split_units
from finetune.similarity import content_words
from service.redaction import redacted

if TYPE_CHECKING:
    from core.index.index import Index

SUPPORT = 0.6  # share of a correction's content words that its unit must hold
_SEARCHED = 20  # passages that a correction is looked for in, beside those that were found for the question
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


@dataclass(frozen=True, slots=True)
class Place:
    """A verbatim quote and the chunk that holds it."""

    chunk: Chunk
    quote: str
    readable: str  # the quote as people read it


class Passages:
    """The documents as they are indexed now, read as far as they are asked for."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._ids: dict[str, list[str]] = defaultdict(list)
        for document in index.documents():
            self._ids[document.source].append(document.id)
        self._chunks: dict[str, list[Chunk]] = {}

    def of(self, source: str) -> list[Chunk]:
        if source not in self._chunks:
            ids = self._ids.get(source, [])
            self._chunks[source] = [chunk for name in ids for chunk in self._index.document_chunks(name)]
        return self._chunks[source]

    def hits(self, chunk_ids: Iterable[str]) -> list[Chunk]:
        return list(self._index.chunks(list(chunk_ids)).values())

    def search(self, query: str) -> list[Chunk]:
        return self.hits(chunk_id for chunk_id, _ in self._index.lexical(query, _SEARCHED))

    def quoted(self, sources: Sequence[str], quote: str) -> Place | None:
        """The place of a quote that the log holds, perhaps with personal data masked; None where no chunk of
        the sources holds it any more.
        """
        for source in sources:
            for chunk in self.of(source):
                if quote in chunk.text:
                    return Place(chunk, quote, _readable(chunk, quote))
        if "[" not in quote:
            return None
        for source in sources:
            for chunk in self.of(source):
                for unit in split_units(chunk.text):
                    if redacted(unit.text) == quote or redacted(unit.text, personal=False) == quote:
                        return Place(chunk, unit.text, unit.readable())
        return None


def supporting(text: str, question: str, chunks: Iterable[Chunk]) -> list[Place]:
    """For each sentence of the text the unit that holds all its numbers and most of its content words;
    among equals the one that shares most with the question. Empty where a sentence has none.
    """
    units = list(_units(chunks))
    asked = content_words(question)
    places: dict[tuple[str, str], Place] = {}
    for sentence in split_sentences(text):
        wanted, numbers = content_words(sentence), set(_NUMBER.findall(sentence))
        if not wanted:
            continue
        best = max(
            (
                (share, len(asked & context), -rank)
                for rank, (_, unit, own, context) in enumerate(units)
                if (share := len(wanted & own) / len(wanted)) >= SUPPORT
                and numbers <= set(_NUMBER.findall(unit.in_context()))
                and (asked & context or not asked)
            ),
            default=None,
        )
        if best is None:
            return []
        chunk, unit, _, _ = units[-best[2]]
        places[chunk.id, unit.text] = Place(chunk, unit.text, unit.readable())
    return list(places.values())


def _units(chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, Unit, frozenset[str], frozenset[str]]]:
    """Units with the content words of their own, and of their title and headings besides."""
    for chunk in {chunk.id: chunk for chunk in chunks}.values():
        around = content_words(f"{chunk.title} {chunk.heading}")
        for unit in split_units(chunk.text):
            own = content_words(unit.in_context())
            yield chunk, unit, own, own | around | content_words(unit.heading)


def _readable(chunk: Chunk, quote: str) -> str:
    for unit in split_units(chunk.text):
        if unit.text == quote:
            return unit.readable()
    return quote
