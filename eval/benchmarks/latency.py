"""How long a search takes and where, beside a bare Chroma query."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

import numpy as np

from core.interfaces import Embedder
from core.progress import Progress, silent
from core.retrieval import Retriever
from core.settings import Settings

_WARM_UP = 20  # questions


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds of a question."""

    p50: float
    p95: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Latency:
        p50, p95 = np.percentile(seconds, [50, 95]) * 1000
        return cls(round(float(p50), 3), round(float(p95), 3))


class Stopwatch:
    """Hands on all that is asked of `part`, and notes how long calls of the named methods take."""

    def __init__(self, part: Any, methods: Sequence[str]) -> None:
        self._part = part
        self._methods = methods
        self.seconds: dict[str, float] = defaultdict(float)  # since the last `reset`

    def reset(self) -> None:
        self.seconds.clear()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        return self._timed(name, found) if name in self._methods else found

    def _timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def timed(*values: Any, **options: Any) -> Any:
            started = time.perf_counter()
            try:
                return call(*values, **options)
            finally:
                self.seconds[name] += time.perf_counter() - started

        return timed


def measure_fusion(
    retriever: Retriever,
    bare: Callable[[str], object],
    questions: Sequence[str],
    progress: Progress = silent,
) -> dict[str, Latency]:
    """Stages of `Retriever.fuse` without a reader, and `bare`, question by question in turn.

    The bare search asks half the questions later than the fusion does, so that neither finds the other's
    part of the index in the processor's cache.
    """
    index = Stopwatch(retriever.index, ("dense", "lexical"))
    embedder = Stopwatch(retriever.embedder, ("embed",))
    watched: Retriever = replace(retriever, index=index, embedder=embedder, reader=None)
    spent: dict[str, list[float]] = defaultdict(list)
    for question in questions[:_WARM_UP]:
        watched.fuse(question)
        bare(question)
    for number, question in enumerate(questions):
        progress("questions", number, len(questions))
        index.reset()
        embedder.reset()
        total = _seconds(watched.fuse, question)
        parts = {"embed": 0.0, "dense": 0.0, "lexical": 0.0, **embedder.seconds, **index.seconds}
        other = questions[(number + len(questions) // 2) % len(questions)]
        parts |= {"rest": total - sum(parts.values()), "fuse": total}
        parts["bare"] = _seconds(bare, other)
        for name, seconds in parts.items():
            spent[name].append(seconds)
    progress("questions", len(questions), len(questions))
    return {name: Latency.of(seconds) for name, seconds in spent.items()}


def measure_search(retriever: Retriever, questions: Sequence[str], k: int = 5) -> Latency:
    """`Retriever.search` as it is wired, with the reader; two questions to warm up."""
    for question in questions[:2]:
        retriever.search(question, k)
    return Latency.of([_seconds(retriever.search, question, k) for question in questions])


def bare_chroma(settings: Settings, embedder: Embedder) -> Callable[[str], object]:
    """Embedding and one `query` for as many ids as the fusion takes, on the index's own collection.

    Use it after the index has been opened: the two share what Chroma holds open.
    """
    import chromadb
    from chromadb.config import Settings as ChromaSettings

    quiet = ChromaSettings(anonymized_telemetry=False)
    (build,) = (settings.index_dir / "vectors").iterdir()
    client = chromadb.PersistentClient(build, settings=quiet)
    collection = client.get_collection(build.name, embedding_function=None)

    def query(question: str) -> object:
        vector = embedder.embed([question])
        return collection.query(
            query_embeddings=vector, n_results=settings.retrieval.candidates, include=["distances"]
        )

    return query


def _seconds(call: Callable[..., object], *values: object) -> float:
    started = time.perf_counter()
    call(*values)
    return time.perf_counter() - started
