"""How true the stored vectors are to float32 embeddings of the same texts."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
from langchain_core.embeddings import Embeddings

from core.index.index import Index

_HITS = 20  # among which a chunk must be found by its own text


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Cosine similarities of stored to float32 vectors."""

    chunks: int
    missing: int  # chunks that the dense search did not find by their own vector; not in the figures
    mean: float
    percentile_1: float
    least: float


def measure_fidelity(index: Index, embeddings: Embeddings, *, count: int, seed: int) -> Fidelity:
    """Of `count` chunks: the dense search itself tells the cosine of a float32 vector to the stored one."""
    chunks = list(index.all_chunks())
    chosen = random.Random(seed).sample(chunks, min(count, len(chunks)))
    vectors = np.array(embeddings.embed_documents([chunk.searched for chunk in chosen]), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = []
    for chunk, vector in zip(chosen, vectors, strict=True):
        cosine = dict(index.dense(vector, _HITS)).get(chunk.id)
        if cosine is not None:
            found.append(cosine)
    if not found:
        raise RuntimeError(f"none of {len(chosen)} chunks was found by its own vector")
    return Fidelity(
        len(chosen),
        len(chosen) - len(found),
        float(np.mean(found)),
        float(np.percentile(found, 1)),
        float(np.min(found)),
    )
