"""The few stand-ins of the tests: deterministic, quick, and without a model."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from core.acronyms import Acronyms, explained
from core.interfaces import FloatMatrix


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


class FakeEmbedder:
    """Hashes each word into one of 64 dimensions: texts that share words are similar."""

    name = "fake-embedder"
    dimension = 64

    def embed(self, texts: Sequence[str]) -> FloatMatrix:
        vectors = np.full((len(texts), self.dimension), 1e-3, dtype=np.float32)
        for row, text in enumerate(texts):
            for word in words_of(text):
                vectors[row, int(hashlib.sha256(word.encode()).hexdigest(), 16) % self.dimension] += 1
        normalized: FloatMatrix = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return normalized

    def count_tokens(self, text: str) -> int:
        return len(words_of(text))


class FakeVocabulary:
    """The words of some texts, counted once a text."""

    def __init__(self, texts: Iterable[str]) -> None:
        texts = list(texts)
        self.counts = Counter(word for text in texts for word in set(words_of(text)))
        self.acronyms = Acronyms.of(explanation for text in texts for explanation in explained(text))

    def holds(self, word: str) -> bool:
        return word in self.counts

    def beginning(self, prefix: str) -> list[tuple[str, int]]:
        return [(word, count) for word, count in self.counts.items() if word.startswith(prefix)]

    def count(self, word: str) -> int:
        return self.counts[word]


class FakeReranker:
    """A logit by the share of the question's words that the text holds: 0 shared is -4, all shared is +4."""

    id = "fake-reader"

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        asked = set(words_of(question))
        return [8 * len(asked & set(words_of(text))) / max(1, len(asked)) - 4 for text in texts]
