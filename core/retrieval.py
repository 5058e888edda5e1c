"""Question -> hits: dense and BM25 search, fused, then ordered anew by what the reader finds in them.

Fusion adds BM25, scaled by this query's best BM25 score, to the cosine similarity. On people's questions
this beat reciprocal rank fusion, because BM25 often finds nothing useful there and must not drag the dense
order down.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.acronyms import Acronyms
from core.errors import IndexEmptyError
from core.interfaces import Embedder, Reading, Reranker
from core.parts import parts_of
from core.reading import in_order, read, sigmoid, with_parts
from core.settings import RetrievalSettings
from core.spelling import Vocabulary as Spelling
from core.spelling import mended
from core.twins import merge_twins
from core.types import EVERYTHING, Chunk, Filters, Hit


class Vocabulary(Spelling, Protocol):
    """What retrieval needs of `core.index.vocabulary.Vocabulary`."""

    @property
    def acronyms(self) -> Acronyms: ...


class SearchableIndex(Protocol):
    """What retrieval needs of `core.index.index.Index`."""

    @property
    def version(self) -> int: ...

    @property
    def is_empty(self) -> bool: ...

    def count_chunks(self) -> int: ...

    def dense(
        self, vector: NDArray[np.float32], k: int, filters: Filters = ...
    ) -> list[tuple[str, float]]: ...

    def lexical(self, query: str, k: int, filters: Filters = ...) -> list[tuple[str, float]]: ...

    def chunks(self, ids: Sequence[str]) -> dict[str, Chunk]: ...

    def vocabulary(self, filters: Filters = ...) -> Vocabulary: ...


FIRST = 5  # hits among which the best one of each part of a question stands


@cache
def _beside() -> ThreadPoolExecutor:
    """The threads in which BM25 searches while the embedder works: one a question."""
    return ThreadPoolExecutor(max_workers=16, thread_name_prefix="bm25")


@dataclass(frozen=True)
class Retriever:
    index: SearchableIndex
    embedder: Embedder
    reader: Reranker | None  # None: the fused order stands
    settings: RetrievalSettings

    def search(self, query: str, k: int, filters: Filters = EVERYTHING) -> list[Hit]:
        """Up to k hits, best first. Raises IndexEmptyError where nothing has been indexed."""
        query = self.understood(query, filters)
        hits = self.fuse(query, filters)
        if self.reader is None:
            return hits[:k]
        read = self.read_parts(query, self.read(query, hits), filters).hits
        known = {hit.chunk.id for hit in read}
        return [*read, *(hit for hit in hits if hit.chunk.id not in known)][:k]

    def understood(self, query: str, filters: Filters = EVERYTHING) -> str:
        """The query with its misspelt words mended, and its acronyms beside what they stand for: by what
        stands in documents that the asker may see, because others may read the query that comes out.

        Raises IndexEmptyError where nothing has been indexed.
        """
        words = self.index.vocabulary(filters)
        if self.settings.mend_spelling:
            query = mended(query, words, self._is_common)
        return words.acronyms.added_to(query, self._is_common) if self.settings.expand_acronyms else query

    def _is_common(self, word: str) -> bool:
        """A word that the embedder's tokenizer keeps whole is a common one."""
        return self.embedder.count_tokens(word) == 1

    def fuse(
        self, query: str, filters: Filters = EVERYTHING, vector: NDArray[np.float32] | None = None
    ) -> list[Hit]:
        """The candidates without near-duplicates. `vector` is the query's embedding, where the caller has it.

        Raises IndexEmptyError where nothing has been indexed.
        """
        return merge_twins(self.candidates(query, filters, vector))

    def candidates(
        self, query: str, filters: Filters = EVERYTHING, vector: NDArray[np.float32] | None = None
    ) -> list[Hit]:
        """Every hit of both searches, by cosine + lexical_weight * BM25 / best BM25."""
        if self.index.is_empty:
            raise IndexEmptyError("Nothing has been indexed yet. Run `inhouse reindex FOLDER` first.")
        # Neither holds the interpreter lock: side by side they take as long as the longer one.
        bm25_search = _beside().submit(self.index.lexical, query, self.settings.candidates, filters)
        vector = self.embedder.embed([query])[0] if vector is None else vector
        dense = dict(self.index.dense(vector, self.settings.candidates, filters))
        lexical = dict(bm25_search.result())
        best = max(lexical.values(), default=1.0)
        # A chunk that only BM25 found is at most as similar as the last dense candidate.
        floor = min(dense.values(), default=0.0)
        chunks = self.index.chunks(list({**dense, **lexical}))
        hits = []
        for chunk_id, chunk in chunks.items():
            if not filters.allow(chunk.labels):  # the stores narrow down; what may be seen is decided here
                continue
            cosine, bm25 = dense.get(chunk_id, floor), lexical.get(chunk_id, 0.0) / best
            hits.append(Hit(chunk, cosine + self.settings.lexical_weight * bm25, dense=cosine, lexical=bm25))
        return sorted(hits, key=lambda hit: (-hit.score, hit.chunk.id))

    def read(self, query: str, hits: Sequence[Hit]) -> Reading:
        """The first `rerank_top` hits, ordered by their fused score plus what their best unit is worth."""
        assert self.reader is not None
        reading = read(query, hits[: self.settings.rerank_top], self.reader)
        best: dict[int, float] = {}
        for scored in reading.units:  # best first
            best.setdefault(scored.hit, sigmoid(scored.logit))
        reranked = [
            hit.with_rerank(
                best.get(number, 0.0), hit.score + self.settings.rerank_weight * best.get(number, 0.0)
            )
            for number, hit in enumerate(reading.hits)
        ]
        return in_order(reading, reranked)

    def read_parts(
        self, query: str, reading: Reading, filters: Filters = EVERYTHING, among: int = FIRST
    ) -> Reading:
        """The reading with what each half of a question that asks two things finds best.

        A half is searched for by its own words, and by its vector joined with that of the whole question,
        which names what it is about.
        """
        parts = parts_of(query) if self.settings.part_top else ()
        if len(parts) < 2:
            return reading
        whole, *own = self.embedder.embed([query, *parts])
        found = []
        for part, vector in zip(parts, own, strict=True):
            joined = vector + whole
            hits = self.fuse(part, filters, joined / np.linalg.norm(joined))
            found.append(self.read(part, hits[: self.settings.part_top]))
        return with_parts(reading, found, among)
