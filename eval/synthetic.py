"""Made-up passages of any number, with the word frequencies of real ones, for measuring speed and size."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

_PRACTICE = Path(__file__).parent.parent / "finetune" / "practice"
_RARE_SHARE = 0.03  # of all words: names and codes that hardly any other passage holds
_LENGTHS = 60, 160  # words of a passage
_BLOCK = 10_000  # passages drawn at a time


def passages(count: int, seed: int = 13) -> Iterator[str]:
    """Passages of 60 to 160 words drawn from those of the practice handbooks, some codes among them."""
    counts = Counter(
        word
        for path in sorted(_PRACTICE.glob("*/docs/**/*.md"))
        for word in re.findall(r"\w+", path.read_text(encoding="utf-8").lower())
    )
    vocabulary = np.array(list(counts), dtype=object)
    shares = np.cumsum(np.array(list(counts.values()), dtype=np.float64))
    shares /= shares[-1]
    random = np.random.default_rng(seed)
    for start in range(0, count, _BLOCK):
        lengths = random.integers(*_LENGTHS, size=min(_BLOCK, count - start))
        total = int(lengths.sum())
        drawn = vocabulary[np.searchsorted(shares, random.random(total))]
        rare = np.flatnonzero(random.random(total) < _RARE_SHARE)
        drawn[rare] = [f"ERR-{number}" for number in random.integers(0, 10 * count, size=len(rare))]
        first = 0
        for length in lengths:
            yield " ".join(drawn[first : first + length])
            first += length


def questions(seed: int = 13) -> list[str]:
    """The practice questions, shuffled: what people ask, in their own words."""
    found = [
        json.loads(line)["question"]
        for path in sorted(_PRACTICE.glob("*/questions.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return [found[number] for number in np.random.default_rng(seed).permutation(len(found))]
