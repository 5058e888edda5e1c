"""Where documents say what an answer says: verbatim units that hold its words and its numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from core.types import Chunk
from core.units import Unit, split_sentences, split_units
from finetune.similarity import content_words

SUPPORT = 0.6  # share of a sentence's content words that its evidence must hold
SUPPORT_WITH_NUMBERS = 0.4  # where it holds all its numbers besides
_FEWEST_WORDS = 2
_LONGEST = {"code": 25}  # words of a unit, by its kind: more code than a command holds the words of anything
_LONGEST_TEXT = 100
_PAIRED = 60  # units with a number of the sentence that are tried in twos
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


@dataclass(frozen=True, slots=True)
class Place:
    """A verbatim quote and the chunk that holds it."""

    chunk: Chunk
    quote: str
    readable: str  # the quote as people read it


class Support:
    """Looks evidence up; each chunk is cut into its units once."""

    def __init__(self) -> None:
        self._units: dict[str, list[_Found]] = {}

    def of(self, text: str, question: str, chunks: Sequence[Chunk]) -> list[Place]:
        """For each sentence of the text the unit that holds all its numbers and enough of its content words,
        or two units that do together. All of the first chunk that holds every sentence, if there is one;
        empty where a sentence has no unit in any chunk.
        """
        known = [self._of_chunk(chunk) for chunk in {chunk.id: chunk for chunk in chunks}.values()]
        together = _places(text, question, [unit for units in known for unit in units])
        if len({place.chunk.id for place in together}) < 2:
            return together
        alone = (_places(text, question, units) for units in known)
        return next((places for places in alone if places), together)

    def _of_chunk(self, chunk: Chunk) -> list[_Found]:
        if chunk.id not in self._units:
            self._units[chunk.id] = list(_units(chunk))
        return self._units[chunk.id]


def supporting(text: str, question: str, chunks: Iterable[Chunk]) -> list[Place]:
    """As `Support.of`, but each sentence by the best unit of any chunk."""
    distinct = {chunk.id: chunk for chunk in chunks}.values()
    return _places(text, question, [unit for chunk in distinct for unit in _units(chunk)])


def _places(text: str, question: str, units: Sequence[_Found]) -> list[Place]:
    """Among units that hold a sentence alike the one that shares most with the question. A unit has to share
    something with it, or to stand in a document of which another unit does and holds another sentence.
    """
    asked = content_words(question)
    sentences = [
        (content_words(sentence), frozenset(_NUMBER.findall(sentence))) for sentence in split_sentences(text)
    ]
    claims = [  # "Yes." needs no evidence
        (wanted, numbers) for wanted, numbers in sentences if numbers or len(wanted) >= _FEWEST_WORDS
    ]
    sharing = [unit for unit in units if not asked or asked & unit.context]
    found = [_best(wanted, numbers, asked, sharing) for wanted, numbers in claims]
    documents = {unit.chunk.document_id for chosen in found for unit in chosen}
    beside = [unit for unit in units if unit.chunk.document_id in documents]
    places: dict[tuple[str, str], Place] = {}
    for chosen, (wanted, numbers) in zip(found, claims, strict=True):
        chosen = chosen or _best(wanted, numbers, asked, beside)
        if not chosen:
            return []
        for unit in chosen:
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


def _units(chunk: Chunk) -> Iterator[_Found]:
    around = content_words(f"{chunk.title} {chunk.heading}")
    for unit in split_units(chunk.text):
        if len(unit.text.split()) > _LONGEST.get(unit.kind, _LONGEST_TEXT):
            continue
        text = unit.in_context()
        context = content_words(text) | around | content_words(unit.heading)
        yield _Found(chunk, unit, frozenset(_NUMBER.findall(text)), context)
