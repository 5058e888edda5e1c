"""A second look at a question beside the patterns: a logistic model over its word and letter n-grams.

It catches orders in words that no pattern foresaw. Measured with `python -m eval.guard_benchmark`; its
weights are fitted by the same command with `--fit`, never by hand. An embedding in their place saw no more
and raised more false alarms.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections import Counter
from functools import cache
from pathlib import Path

FILE = Path(__file__).parent / "injection.json"
BUCKETS = 4096  # for words, and as many for letters
_PART_END = re.compile(r"(?<=[.!?:;])\s+|\s\(")
_MOST_PARTS = 16


def probability(reading: str) -> float:
    """The highest of a text (as `disguises.readings` gives it) and its sentences."""
    bias, weights = _weights()
    return max(_sigmoid(bias, weights, features(part)) for part in parts(reading))


def threshold() -> float:
    return float(str(_stored()["threshold"]))


def parts(text: str) -> list[str]:
    """The text and its sentences of at least three words: an order may follow a genuine question."""
    sentences = [part for part in _PART_END.split(text) if len(part.split()) >= 3]
    return [text, *(sentences[-_MOST_PARTS:] if len(sentences) > 1 else ())]


def features(text: str) -> dict[int, float]:
    """Hashed word 1- to 3-grams and letter 3- to 4-grams within words; each kind of length 1."""
    words = re.findall(r"\w+", text.lower())[:400]
    grams = Counter(
        _bucket(" ".join(words[start : start + size]))
        for size in (1, 2, 3)
        for start in range(len(words) - size + 1)
    )
    letters = Counter(
        BUCKETS + _bucket(padded[start : start + size])
        for word in words
        for padded in (f" {word[:40]} ",)
        for size in (3, 4)
        for start in range(len(padded) - size + 1)
    )
    return {**_of_length_one(grams), **_of_length_one(letters)}


def _bucket(gram: str) -> int:
    return zlib.crc32(gram.encode("utf-8", "replace")) % BUCKETS


def _of_length_one(counts: Counter[int]) -> dict[int, float]:
    length = math.sqrt(sum(count * count for count in counts.values())) or 1.0
    return {bucket: count / length for bucket, count in counts.items()}


def _sigmoid(bias: float, weights: dict[int, float], values: dict[int, float]) -> float:
    logit = bias + sum(weights.get(bucket, 0.0) * value for bucket, value in values.items())
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, logit))))


@cache
def _stored() -> dict[str, object]:
    row: dict[str, object] = json.loads(FILE.read_text(encoding="utf-8"))
    return row


@cache
def _weights() -> tuple[float, dict[int, float]]:
    row = _stored()
    weights = row["weights"]
    assert isinstance(weights, dict)
    return float(str(row["bias"])), {int(bucket): float(weight) for bucket, weight in weights.items()}
