"""Where the current index holds what a logged answer cited."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from core.types import Chunk
from core.units import split_units
from finetune.evidence import Place
from service.redaction import redacted

if TYPE_CHECKING:
    from core.index.index import Index

_SEARCHED = 20  # passages that a correction is looked for in, beside those that were found for the question


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


def _readable(chunk: Chunk, quote: str) -> str:
    for unit in split_units(chunk.text):
        if unit.text == quote:
            return unit.readable()
    return quote
