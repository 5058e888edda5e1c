"""Two questions about the same thing -> a follow-up that leans on the first, and how it is asked alone."""

from __future__ import annotations

from finetune.similarity import content_words

_LONGEST, _SHORTEST = 6, 2  # words of the phrase that both questions hold


def followup(earlier: str, question: str) -> tuple[str, str, str] | None:
    """(earlier question, follow-up, question), the phrase that they share said as `it`; None without any."""
    before, words = earlier.rstrip("?").split(), question.rstrip("?").split()
    said = f" {' '.join(before)} ".lower()
    for length in range(min(_LONGEST, len(words) - 2), _SHORTEST - 1, -1):
        for start in range(1, len(words) - length + 1):
            phrase = " ".join(words[start : start + length])
            if f" {phrase.lower()} " in said and len(content_words(phrase)) >= _SHORTEST:
                short = [*words[:start], "it", *words[start + length :]]
                return earlier, " ".join(short) + "?", question
    return None
