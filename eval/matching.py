"""Whether one text holds another, and how much two texts overlap. Pure functions of strings."""

from __future__ import annotations

import csv
import re
import string
from collections import Counter
from collections.abc import Sequence

from core.support import numbers, without_marks
from core.types import Evidence

HALVED_FROM = 60  # characters; a longer quote may be split over two chunks, so either half is enough

_LINK_TARGET = re.compile(r"\]\([^)]*\)")
_MARKS = re.compile(r"[*_`#>\[\]|\\\u200b-\u200d\ufeff]")
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def fold(text: str) -> str:
    """Lower-case, no link targets and Markdown marks, white space folded: a quote survives re-chunking."""
    text = _MARKS.sub("", _LINK_TARGET.sub("]", text))
    return " ".join(text.split()).lower()


def fold_space(text: str) -> str:
    return " ".join(text.split())


def holds_quote(folded_texts: Sequence[str], quote: str) -> bool:
    """True where the quote, or if it is long one of its halves, stands in one of the `fold`ed texts."""
    quote = fold(quote)
    middle = len(quote) // 2
    pieces = [quote] if len(quote) < HALVED_FROM else [quote[:middle], quote[middle:]]
    return any(piece and piece in text for text in folded_texts for piece in pieces)


def evidence_quote(evidence: Evidence) -> str:
    """The quote as an indexed passage shows it: a CSV row without commas and quotation marks."""
    if not evidence.source.lower().endswith(".csv"):
        return evidence.quote
    return " ".join(cell for row in csv.reader(evidence.quote.splitlines()) for cell in row)


def holds_keyword(text: str, keyword: str) -> bool:
    """True where the keyword stands in the text; a short one only as a whole word ("3" is not in "30")."""
    if len(keyword) > 3:
        return keyword.lower() in text.lower()
    return re.search(rf"(?<![\w.]){re.escape(keyword)}(?!\w)", text, re.IGNORECASE) is not None


def same_source(one: str, other: str) -> bool:
    """True where two paths name the same file, though one may be relative to a folder further down."""
    if not one or not other:
        return False
    return one == other or one.endswith("/" + other) or other.endswith("/" + one)


def token_f1(answer: str, reference: str) -> float:
    """F1 of the two bags of words after SQuAD's normalisation (Rajpurkar et al. 2016, evaluate-v1.1.py)."""
    answer_words, reference_words = _squad_words(answer), _squad_words(reference)
    if not answer_words or not reference_words:
        return float(answer_words == reference_words)
    common = sum((Counter(answer_words) & Counter(reference_words)).values())
    return _f1(common / len(answer_words), common / len(reference_words))


def exact_match(answer: str, reference: str) -> bool:
    """The same words in the same order after SQuAD's normalisation, without marks of citations."""
    return _squad_words(without_marks(answer)) == _squad_words(reference)


def held_numbers(answer: str, reference: str) -> float | None:
    """Share of the reference's numbers that the answer says too; None where it has none."""
    wanted = numbers(without_marks(reference))
    return len(wanted & numbers(without_marks(answer))) / len(wanted) if wanted else None


def rouge_n(answer: str, reference: str, n: int) -> float:
    """ROUGE-N F1 (Lin 2004) with the tokens of `rouge_l`."""
    one, other = (_ngrams(_rouge_words(text), n) for text in (answer, reference))
    common = sum((one & other).values())
    return _f1(common / max(1, one.total()), common / max(1, other.total()))


def rouge_l(answer: str, reference: str) -> float:
    """ROUGE-L F1 (Lin 2004) with rouge_score's tokens: lower-cased runs of a-z and 0-9, no stemming."""
    answer_words, reference_words = _rouge_words(answer), _rouge_words(reference)
    if not answer_words or not reference_words:
        return 0.0
    common = _longest_common_subsequence(answer_words, reference_words)
    return _f1(common / len(answer_words), common / len(reference_words))


def _rouge_words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def _ngrams(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[start : start + n]) for start in range(len(words) - n + 1))


def _squad_words(text: str) -> list[str]:
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _longest_common_subsequence(one: Sequence[str], other: Sequence[str]) -> int:
    lengths = [0] * (len(other) + 1)
    for word in one:
        before = 0  # the length above and to the left
        for column, other_word in enumerate(other, 1):
            above = lengths[column]
            lengths[column] = before + 1 if word == other_word else max(above, lengths[column - 1])
            before = above
    return lengths[-1]
