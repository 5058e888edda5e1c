"""How alike two questions are: content words, their overlap, and a search for near-duplicates."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence, Set
from functools import cache
from pathlib import Path

NEAR_DUPLICATE = 0.8  # Jaccard similarity of the words from which two questions count as the same
_WORDS = Path(__file__).parent / "words.txt"
_SUFFIX = re.compile(r"(?:ies|ing|ed|es|ly|s|e|y)$")


@cache
def word_list(name: str) -> tuple[str, ...]:
    """A list of `words.txt`."""
    _, _, rest = _WORDS.read_text(encoding="utf-8").partition(f"[{name}]\n")
    body = rest.partition("\n[")[0]
    return tuple(word.strip() for word in body.replace("\n", " ").split(",") if word.strip())


@cache
def _stop_words() -> frozenset[str]:
    return frozenset(word_list("stop words"))


def words(text: str) -> list[str]:
    """Lower-case words and numbers in their order."""
    return re.findall(r"[^\W_]+", text.lower().replace("'", "").replace("’", ""))


def stem(word: str) -> str:
    """A rough stem, enough to see that `booking` and `booked` are one word."""
    return _SUFFIX.sub("", word) if len(word) > 4 else word.removesuffix("s")


def content_words(text: str) -> frozenset[str]:
    """The stems of the words that carry meaning."""
    return frozenset(stem(word) for word in words(text) if word not in _stop_words())


def overlap(question: str, evidence: str) -> float:
    """The share of the question's content words that the evidence has too, 0 to 1."""
    asked = content_words(question)
    return len(asked & content_words(evidence)) / len(asked) if asked else 0.0


def jaccard(left: Set[str], right: Set[str]) -> float:
    union = len(left | right)
    return len(left & right) / union if union else 1.0


def near_duplicates(questions: Sequence[str], threshold: float = NEAR_DUPLICATE) -> list[tuple[int, int]]:
    """Pairs (earlier, later) of questions whose content words are similar by Jaccard, `threshold` or more.

    Prefix filtering (Chaudhuri et al., ICDE 2006): two sets that similar share one of their rarest words, so
    that only such pairs are compared.
    """
    sets = [content_words(question) or frozenset(words(question)) for question in questions]
    frequency: dict[str, int] = defaultdict(int)
    for tokens in sets:
        for token in tokens:
            frequency[token] += 1
    holders: dict[str, list[int]] = defaultdict(list)
    pairs: list[tuple[int, int]] = []
    for number, tokens in enumerate(sets):
        rarest = sorted(tokens, key=lambda token: (frequency[token], token))
        prefix = rarest[: len(rarest) - math.ceil(threshold * len(rarest)) + 1]
        candidates = sorted({other for token in prefix for other in holders[token]})
        pairs += [(other, number) for other in candidates if jaccard(sets[other], tokens) >= threshold]
        for token in prefix:
            holders[token].append(number)
    return pairs
