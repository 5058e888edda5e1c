"""Question -> hits: dense and BM25 search, fused, then reranked by the cross-encoder.

Fusion adds BM25, scaled by this query's best BM25 score, to the cosine similarity. On people's questions
this beat reciprocal rank fusion, because BM25 often finds nothing useful there and must not drag the dense
order down.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import IndexEmptyError
from core.interfaces import Embedder, Reranker
from core.models.reader import passage_input
from core.settings import RetrievalSettings
from core.types import Chunk, Hit


class SearchableIndex(Protocol):
    """What retrieval needs of `core.index.index.Index`."""

    @property
    def version(self) -> int: ...

    @property
    def is_empty(self) -> bool: ...

    def dense(self, vector: NDArray[np.float32], k: int) -> list[tuple[str, float]]: ...

    def lexical(self, query: str, k: int) -> list[tuple[str, float]]: ...

    def chunks(self, ids: Sequence[str]) -> dict[str, Chunk]: ...


@dataclass(frozen=True)
class Retriever:
    index: SearchableIndex
    embedder: Embedder
    reranker: Reranker | None
    settings: RetrievalSettings

    def search(self, query: str, k: int) -> list[Hit]:
        """Up to k hits, best first. Raises IndexEmptyError where nothing has been indexed."""
        if self.index.is_empty:
            raise IndexEmptyError("Nothing has been indexed yet. Run `inhouse reindex FOLDER` first.")
        hits = self.fuse(query)
        if self.reranker is not None and self.settings.rerank_top:
            hits = self.rerank(query, hits)
        return hits[:k]

    def fuse(self, query: str) -> list[Hit]:
        """Every candidate of both searches, by cosine + lexical_weight * BM25 / best BM25."""
        vector = self.embedder.embed([query])[0]
        dense = dict(self.index.dense(vector, self.settings.candidates))
        lexical = dict(self.index.lexical(query, self.settings.candidates))
        best = max(lexical.values(), default=1.0)
        # A chunk that only BM25 found is at most as similar as the last dense candidate.
        floor = min(dense.values(), default=0.0)
        chunks = self.index.chunks(list({**dense, **lexical}))
        hits = []
        for chunk_id, chunk in chunks.items():
            cosine, bm25 = dense.get(chunk_id, floor), lexical.get(chunk_id, 0.0) / best
            hits.append(Hit(chunk, cosine + self.settings.lexical_weight * bm25, dense=cosine, lexical=bm25))
        return sorted(hits, key=lambda hit: (-hit.score, hit.chunk.id))

    def rerank(self, query: str, hits: Sequence[Hit]) -> list[Hit]:
        """The first `rerank_top` hits in their new order, then the rest as they were."""
        assert self.reranker is not None
        head, tail = hits[: self.settings.rerank_top], hits[self.settings.rerank_top :]
        logits = self.reranker.score(query, [passage_input(hit.chunk) for hit in head])
        scored = [
            hit.with_rerank(probability, hit.score + self.settings.rerank_weight * probability)
            for hit, probability in zip(head, map(sigmoid, logits), strict=True)
        ]
        return [*sorted(scored, key=lambda hit: (-hit.score, hit.chunk.id)), *tail]


def sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, logit))))
