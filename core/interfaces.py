"""The seams that have, or will soon have, two real implementations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.decoding import Decoding as Decoding
from core.types import FinishReason, Hit, Message, Usage
from core.units import Unit

FloatMatrix = NDArray[np.float32]


class Embedder(Protocol):
    @property
    def name(self) -> str:
        """Identifies model and version: part of the index fingerprint."""
        ...

    @property
    def dimension(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> FloatMatrix:
        """(n, dimension) float32, each row of length 1."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of the text by the model's own tokenizer, without special tokens."""
        ...


class Reranker(Protocol):
    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        """A logit a text: how well it answers the question, higher is better, 0 means even odds."""
        ...


@dataclass(frozen=True, slots=True)
class ScoredUnit:
    """A sentence, list item or table row of `hits[hit]`, and the reader's logit that it answers."""

    hit: int
    unit: Unit
    logit: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What the reader found in the hits of a question: their units, best first."""

    hits: tuple[Hit, ...]
    units: tuple[ScoredUnit, ...]
    parts: tuple[ScoredUnit, ...] = ()  # of a question that asks two things: the best unit for each


@dataclass(frozen=True, slots=True)
class Draft:
    """What a generator makes of a reading; `quotes` are the units that the text rests on."""

    text: str = ""
    quotes: tuple[ScoredUnit, ...] = ()
    usage: Usage = field(default_factory=Usage)
    finish_reason: FinishReason = "stop"


class Generator(Protocol):
    @property
    def id(self) -> str:
        """As shown by `GET /v1/models` and written into cache keys: base and adapter."""
        ...

    @property
    def prompt_hash(self) -> str:
        """Identifies the prompt templates that it renders with; empty where it renders none."""
        ...

    def stream(
        self, question: str, reading: Reading, history: Sequence[Message], decoding: Decoding
    ) -> Iterator[Draft]:
        """What is certain of the answer so far, each time as long as before or longer, and the whole last. A
        Draft without text says that work goes on. Closing the iterator ends the work.
        """
        ...


class Cache(Protocol):
    """String values with an expiry. A fault of the store behind it is a miss, never an error."""

    def get(self, key: str) -> str | None: ...

    def set(self, key: str, value: str, ttl_s: int) -> None: ...

    def append(self, name: str, value: str, ttl_s: int) -> None:
        """Adds to the list of that name, which keeps its newest values and goes ttl_s after the last one."""
        ...

    def since(self, name: str, mark: str) -> list[tuple[str, str]]:
        """(mark, value) of what was added to the list after that mark, oldest first; "" for all."""
        ...

    def clear(self) -> None: ...
