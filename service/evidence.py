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

SUPPORT = 0.6  # share of a correction's content words that its evidence must hold
SUPPORT_WITH_NUMBERS = 0.4  # where it holds all its numbers besides
_FEWEST_WORDS = 2
_PAIRED = 60  # units with a number of the correction that are tried in twos
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
    """For each sentence of the text the unit that holds all its numbers and enough of its content words, or
    two units that do together; among equals what shares most with the question. Empty where a sentence has
    none.
    """
    asked = content_words(question)
    units = [unit for unit in _units(chunks) if not asked or asked & unit.context]
    places: dict[tuple[str, str], Place] = {}
    for sentence in split_sentences(text):
        wanted, numbers = content_words(sentence), frozenset(_NUMBER.findall(sentence))
        if not numbers and len(wanted) < _FEWEST_WORDS:  # "Yes." needs no evidence
            continue
        found = _best(wanted, numbers, asked, units)
        if not found:
            return []
        for unit in found:
            places[unit.chunk.id, unit.unit.text] = Place(unit.chunk, unit.unit.text, unit.unit.readable())
    return list(places.values())


@dataclass(frozen=True, slots=True)
class _Found:
    """A unit, its numbers, and its content words with those of its title and headings."""

    chunk: Chunk
    unit: Unit
    numbers: frozenset[str]
    context: frozenset[str]


def _best(
    wanted: frozenset[str], numbers: frozenset[str], asked: frozenset[str], units: Sequence[_Found]
) -> tuple[_Found, ...]:
    """One unit or two, the best first; the empty tuple where none will do."""
    least = SUPPORT_WITH_NUMBERS if numbers else SUPPORT

    def worth(chosen: tuple[_Found, ...]) -> tuple[float, int]:
        context = frozenset[str]().union(*(unit.context for unit in chosen))
        held = frozenset[str]().union(*(unit.numbers for unit in chosen))
        share = len(wanted & context) / len(wanted) if wanted else 1.0
        return (share if numbers <= held else 0.0, len(asked & context))

    alone = max(((unit,) for unit in units), key=worth, default=())
    if alone and worth(alone)[0] >= least:
        return alone
    holding = [unit for unit in units if numbers & unit.numbers][:_PAIRED]
    pairs = ((one, other) for one in holding for other in holding if one is not other)
    both = max(pairs, key=worth, default=()) if len(numbers) > 1 else ()
    return both if both and worth(both)[0] >= least else ()


def _units(chunks: Iterable[Chunk]) -> Iterator[_Found]:
    for chunk in {chunk.id: chunk for chunk in chunks}.values():
        around = content_words(f"{chunk.title} {chunk.heading}")
        for unit in split_units(chunk.text):
            text = unit.in_context()
            context = content_words(text) | around | content_words(unit.heading)
            yield _Found(chunk, unit, frozenset(_NUMBER.findall(text)), context)


def _readable(chunk: Chunk, quote: str) -> str:
    for unit in split_units(chunk.text):
        if unit.text == quote:
            return unit.readable()
    return quote
