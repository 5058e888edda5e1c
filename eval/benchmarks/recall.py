"""Whether the dense search finds the chunks that are nearest."""

from __future__ import annotations

import heapq

import numpy as np

from core.index.index import Index
from core.interfaces import FloatMatrix
from core.progress import Progress, silent
from eval.benchmarks.corpus import Corpus, chunk_id


def recall(
    index: Index, corpus: Corpus, vectors: FloatMatrix, *, k: int = 10, progress: Progress = silent
) -> float:
    """Share of the k nearest chunks, by comparing with every vector, that the dense search finds.

    `vectors`: (n, dimension) float32, what is searched for. The corpus makes the index's vectors again.
    """
    shares = []
    for vector, exact in zip(vectors, _nearest(index, corpus, vectors, k, progress), strict=True):
        found = {identifier for identifier, _ in index.dense(vector, k)}
        shares.append(len(found & exact) / k)
    return float(np.mean(shares))


def _nearest(
    index: Index, corpus: Corpus, vectors: FloatMatrix, k: int, progress: Progress
) -> list[set[str]]:
    """The ids of the k nearest chunks of each vector."""
    best: list[list[tuple[float, int]]] = [[] for _ in vectors]
    blocks = index.count_chunks() // corpus.block_chunks
    for number in range(blocks):
        cosines = vectors @ corpus.vectors(number).T
        first = number * corpus.block_chunks
        for row, places in enumerate(np.argpartition(-cosines, k, axis=1)[:, :k].tolist()):
            found = [(float(cosines[row, place]), first + place) for place in places]
            best[row] = heapq.nlargest(k, best[row] + found)
        progress("comparing with every vector", number + 1, blocks)
    return [{chunk_id(position) for _, position in row} for row in best]
