"""The answer cache as a conversation uses it: exact, semantic, and one computation for identical questions.

question ─> key ─> memory ─> store ─> neighbours ─> flight ─> (computed) ─> store and neighbours
"""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from core.interfaces import Cache
from core.types import Answer, Citation, Usage
from service.answer_keys import AnswerKey, AnswerKeys
from service.caching import SWEEP_EVERY_S
from service.flights import Flights
from service.neighbours import Neighbours

if TYPE_CHECKING:
    from core.bootstrap import Inhouse
    from core.settings import Settings
    from service.conversing import Question

Cached = Literal["none", "exact", "semantic"]
Compute = Callable[[], Iterator[str | Answer]]

_MEMORY_ANSWERS = 1024
_AT_ONCE_CHARS = 8000  # longer conversations take too long to fold for the event loop
_MEMORY_TTL_S = 60  # how much longer than in the store an answer may live in memory


@dataclass(frozen=True, slots=True)
class Served:
    answer: Answer
    cached: Cached
    cached_question: str | None = None  # the question that a semantic answer was made for


@dataclass
class CacheCounts:
    """Plain totals since the start, for `/metrics`. `exact` counts `shared` ones too."""

    exact: int = 0
    semantic: int = 0
    missed: int = 0
    shared: int = 0  # waited for the answer to an identical question instead of computing it
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, cached: Cached, *, shared: bool = False) -> None:
        with self._guard:
            self.exact += cached == "exact"
            self.semantic += cached == "semantic"
            self.missed += cached == "none"
            self.shared += shared


class AnswerCache:
    """Thread-safe. Without a store every answer is computed."""

    def __init__(self, settings: Settings, store: Cache | None) -> None:
        self._ttl_s = settings.service.cache_ttl_s
        self._longest = settings.answering.max_question_chars
        self._store = store
        self._keys = AnswerKeys()
        self._memory = _AnswersInMemory(min(self._ttl_s, _MEMORY_TTL_S))
        self._flights: Flights[str | Answer] = Flights()
        options = settings.service.cache
        self._neighbours = Neighbours(store, options.similarity) if store and options.semantic else None
        self.counts = CacheCounts()

    def at_once(self, inhouse: Inhouse, version: int, question: Question) -> Served | None:
        """An exact hit for an index version that this process holds in memory. Never blocks: for the event
        loop.
        """
        if self._store is None or _length(question) > _AT_ONCE_CHARS:
            return None
        key = self._keys.at_once(inhouse, version, question)
        answer = self._memory.get(key.exact) if key else None
        if answer is None:
            return None
        self.counts.count("exact")
        return Served(answer, "exact")

    def stream(self, inhouse: Inhouse, question: Question, compute: Compute) -> Iterator[str | Served]:
        """The text piece by piece and, last, what was served. Raises what `compute` raises."""
        if self._store is None:
            for piece in compute():
                yield Served(piece, "none") if isinstance(piece, Answer) else piece
            return
        key = self._keys.of(inhouse, question)
        answer = self._exact(key.exact)
        if answer is not None:
            yield from self._serve(Served(answer, "exact"))
            return
        vector = self._embedded(inhouse, key, question.text)
        similar = self._similar(key, question.text, vector)
        if similar is not None:
            yield from self._serve(similar)
            return
        yield from self._shared(key, lambda: self._computed(key, question.text, vector, compute))

    def _shared(self, key: AnswerKey, start: Compute) -> Iterator[str | Served]:
        for piece, joined in self._flights.share(key.exact, start):
            if isinstance(piece, Answer):
                cached: Cached = "exact" if joined else "none"
                self.counts.count(cached, shared=joined)
                yield Served(piece, cached)
            else:
                yield piece

    def _serve(self, served: Served) -> Iterator[str | Served]:
        self.counts.count(served.cached)
        yield served.answer.answer
        yield served

    def _computed(
        self, key: AnswerKey, question: str, vector: NDArray[np.float32] | None, compute: Compute
    ) -> Iterator[str | Answer]:
        for piece in compute():
            if isinstance(piece, Answer):
                self._remember(key, question, vector, piece)
            yield piece

    def _exact(self, key: str) -> Answer | None:
        assert self._store is not None
        answer = self._memory.get(key)
        if answer is None and (value := self._store.get(key)) is not None:
            answer = load_answer(value)
            if answer is not None:
                self._memory.set(key, answer)
        return answer

    def _embedded(self, inhouse: Inhouse, key: AnswerKey, question: str) -> NDArray[np.float32] | None:
        """(dimension,) of length 1; None where the question is none for the semantic cache."""
        if self._neighbours is None or not key.space or not 0 < len(question.strip()) <= self._longest:
            return None
        vector: NDArray[np.float32] = inhouse.answerer.embedder.embed([question])[0]
        return vector

    def _similar(self, key: AnswerKey, question: str, vector: NDArray[np.float32] | None) -> Served | None:
        if self._neighbours is None or vector is None:
            return None
        for neighbour in self._neighbours.find(key.generation, key.space, question, vector):
            answer = self._exact(neighbour.key)
            if answer is not None:
                return Served(answer, "semantic", neighbour.question)
            self._neighbours.drop(key.generation, key.space, neighbour)
        return None

    def _remember(
        self, key: AnswerKey, question: str, vector: NDArray[np.float32] | None, answer: Answer
    ) -> None:
        assert self._store is not None
        self._memory.set(key.exact, replace(answer, hits=(), timings_ms={}))
        self._store.set(key.exact, dump_answer(answer), self._ttl_s)
        if self._neighbours is not None and vector is not None and answer.answer_type == "answer":
            self._neighbours.add(key.space, question, key.exact, vector, self._ttl_s)


def _length(question: Question) -> int:
    return len(question.text) + sum(len(message.content) for message in question.history)


class _AnswersInMemory:
    """The answers used last. Keys never change their meaning, so it needs no word from the store."""

    def __init__(self, ttl_s: float) -> None:
        self._ttl_s = ttl_s
        self._guard = threading.Lock()
        self._answers: OrderedDict[str, tuple[float, Answer]] = OrderedDict()
        self._swept = time.monotonic()

    def get(self, key: str) -> Answer | None:
        with self._guard:
            self._sweep()
            expires, answer = self._answers.get(key, (0.0, None))
            if answer is None or expires <= time.monotonic():
                self._answers.pop(key, None)
                return None
            self._answers.move_to_end(key)
            return answer

    def set(self, key: str, answer: Answer) -> None:
        with self._guard:
            self._answers[key] = time.monotonic() + self._ttl_s, answer
            self._answers.move_to_end(key)
            if len(self._answers) > _MEMORY_ANSWERS:
                self._answers.popitem(last=False)

    def _sweep(self) -> None:
        """Forgets what ran out, which nobody may ever ask for again."""
        now = time.monotonic()
        if now - self._swept >= SWEEP_EVERY_S:
            self._swept = now
            for key in [key for key, (expires, _) in self._answers.items() if expires <= now]:
                del self._answers[key]


def dump_answer(answer: Answer) -> str:
    """Everything but the hits, which nobody is shown."""
    row = asdict(replace(answer, hits=(), timings_ms={}))
    return json.dumps(row, ensure_ascii=False)


def load_answer(value: str) -> Answer | None:
    """None where the value is not of this version's form: a miss."""
    try:
        row = json.loads(value)
        citations = tuple(
            Citation(**{**citation, "also_in": tuple(citation["also_in"])})
            for citation in row.pop("citations")
        )
        usage = Usage(**row.pop("usage"))
        return Answer(**{**row, "hits": ()}, citations=citations, usage=usage)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
