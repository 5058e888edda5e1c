"""Arms ask the same questions of the same index: what they compute alike is computed once.

An arm is charged what the work took when it was done, so that its times are those of answering alone.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.interfaces import Embedder, FloatMatrix, Reading
from core.models.reader import Reader
from core.retrieval import FIRST, Retriever
from core.types import EVERYTHING, Answer, Filters, Hit

_MOST_KEPT = 8192  # results; what 200 questions take is a tenth of it

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Traced(Answer):
    """An Answer with what led to it."""

    fused: tuple[Hit, ...] = ()  # all candidates as both searches order them
    ranked: tuple[Hit, ...] = ()  # the same once the reader has read the first of them, best first
    read: int = 0  # so many of `fused` reached the reader
    reused_ms: float = 0.0  # of stages that another arm had computed already; part of `timings_ms`


@dataclass(slots=True)
class Trace:
    """What is noted while one question is answered."""

    fused: tuple[Hit, ...] = ()
    ranked: tuple[Hit, ...] = ()
    read: int = 0
    reused_ms: dict[str, float] = field(default_factory=dict)  # stage -> milliseconds


class Memory:
    """Results by stage and input. Several threads may ask at once; each has a trace of its own."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[Any, float]] = {}
        self._local = threading.local()
        self._readers: dict[Path, Reader] = {}

    @property
    def trace(self) -> Trace:
        trace: Trace = self._local.__dict__.setdefault("trace", Trace())
        return trace

    def once(self, stage: str, key: Hashable, compute: Callable[[], T]) -> T:
        """`stage` is the Stopwatch's name of the work."""
        if (kept := self._kept.get((stage, key))) is not None:
            charged = self.trace.reused_ms
            charged[stage] = charged.get(stage, 0.0) + kept[1]
            found: T = kept[0]
            return found
        started = time.perf_counter()
        value = compute()
        self._kept[stage, key] = value, (time.perf_counter() - started) * 1000
        while len(self._kept) > _MOST_KEPT:
            self._kept.pop(next(iter(self._kept)), None)
        return value

    @contextmanager
    def asking(self) -> Iterator[Trace]:
        self._local.trace = Trace()
        yield self._local.trace

    def reader(self, adapter: Path) -> Reader:
        """One a folder: arms that differ elsewhere do not read twice."""
        return self._readers.setdefault(adapter, RememberingReader(adapter, self))


def traced(memory: Memory, answer: Callable[[], Answer]) -> Traced:
    """The answer with its trace, and its times as if nothing had been reused."""
    with memory.asking() as trace:
        given = answer()
    timings = dict(given.timings_ms)
    for stage, ms in trace.reused_ms.items():
        timings[stage] = timings.get(stage, 0.0) + ms
    values = {part.name: getattr(given, part.name) for part in fields(Answer)} | {"timings_ms": timings}
    reused_ms = sum(trace.reused_ms.values())
    return Traced(**values, fused=trace.fused, ranked=trace.ranked, read=trace.read, reused_ms=reused_ms)


class RememberingReader(Reader):
    """Scores the same texts for the same question once."""

    def __init__(self, adapter: Path, memory: Memory) -> None:
        super().__init__(adapter)
        self._memory = memory

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        digest = hashlib.sha256("\0".join((question, *texts)).encode()).digest()
        return self._memory.once(
            "read", (self.adapter, digest), lambda: super(RememberingReader, self).score(question, texts)
        )


@dataclass(frozen=True)
class SharingEmbedder:
    """An Embedder."""

    embedder: Embedder
    memory: Memory

    @property
    def name(self) -> str:
        return self.embedder.name

    @property
    def dimension(self) -> int:
        return self.embedder.dimension

    def embed(self, texts: Sequence[str]) -> FloatMatrix:
        return self.memory.once("embed", tuple(texts), lambda: self.embedder.embed(texts))

    def count_tokens(self, text: str) -> int:
        return self.embedder.count_tokens(text)


@dataclass(frozen=True)
class SharingRetriever(Retriever):
    """The Retriever, which notes what it found."""

    memory: Memory

    def understood(self, query: str, filters: Filters = EVERYTHING) -> str:
        key = (query, filters.groups, self.settings.mend_spelling, self.settings.expand_acronyms)
        return self.memory.once("condense", key, lambda: Retriever.understood(self, query, filters))

    def fuse(
        self, query: str, filters: Filters = EVERYTHING, vector: NDArray[np.float32] | None = None
    ) -> list[Hit]:
        asked = None if vector is None else vector.tobytes()  # half a question may belong to several
        key = (query, asked, filters, self.settings.candidates, self.settings.lexical_weight)
        hits = self.memory.once("retrieve", key, lambda: Retriever.fuse(self, query, filters, vector))
        self.memory.trace.fused = tuple(hits)
        return list(hits)

    def read(self, query: str, hits: Sequence[Hit]) -> Reading:
        reading = Retriever.read(self, query, hits)
        top = self.settings.rerank_top
        trace = self.memory.trace
        trace.ranked, trace.read = (*reading.hits, *hits[top:]), len(reading.hits)
        return reading

    def read_parts(
        self, query: str, reading: Reading, filters: Filters = EVERYTHING, among: int = FIRST
    ) -> Reading:
        """What a part of the question brought among the hits counts as read."""
        trace = self.memory.trace
        fused, ranked, read = trace.fused, trace.ranked, trace.read
        widened = Retriever.read_parts(self, query, reading, filters, among)
        names = {hit.chunk.id for hit in widened.hits}
        known = {hit.chunk.id for hit in fused[:read]}
        added = tuple(hit for hit in widened.hits if hit.chunk.id not in known)
        later = (hit for hit in fused[read:] if hit.chunk.id not in names)
        trace.fused, trace.read = (*fused[:read], *added, *later), read + len(added)
        trace.ranked = (*widened.hits, *(hit for hit in ranked if hit.chunk.id not in names))
        return widened
