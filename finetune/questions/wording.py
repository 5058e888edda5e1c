"""How staff word and type a question: everyday synonyms, contractions, lower case, small talk around it."""

from __future__ import annotations

import random
import re
from functools import cache
from pathlib import Path

SYNONYMS = Path(__file__).parent.parent / "synonyms.txt"
_CHANGED_SHARE = 0.8  # of the phrases that have a synonym
_CONTRACTIONS = (("What is ", "What's "), ("Who is ", "Who's "), ("Where is ", "Where's "), ("I am ", "I'm "))
_OPENINGS = (
    "hi, ",
    "hey, ",
    "quick question: ",
    "hello, ",
    "sorry if this was asked before, ",
    "I'm new here. ",
)
_CLOSINGS = (", please", "? thanks", ", anyone know?", " in our company?")
_PLACES = ("{t}: {q}", "question about {t}: {q}", "{q} ({t})", "it's about {t}, {q}", "{t}, {q}")


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]:
    found = []
    for line in SYNONYMS.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            pattern, _, choices = line.partition(" = ")
            found.append((re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE), tuple(choices.split("; "))))
    return tuple(found)


def reword(text: str, rng: random.Random) -> str:
    """Most phrases that have an everyday synonym exchanged for one, none twice."""
    spans: list[tuple[int, int, str]] = []
    for pattern, choices in _patterns():
        for match in pattern.finditer(text):
            if all(match.end() <= start or match.start() >= end for start, end, _ in spans):
                plural = "s" if "s?)\\b" in pattern.pattern and re.search(r"[a-z]s$", match.group()) else ""
                changed = rng.random() < _CHANGED_SHARE
                spans.append(
                    (match.start(), match.end(), rng.choice(choices) + plural if changed else match.group())
                )
    for start, end, choice in sorted(spans, reverse=True):
        text = text[:start] + choice + text[end:]
    text = re.sub(r"\b(?:the|an?|my) my\b", "my", " ".join(text.split()))
    text = re.sub(r"\b(my|the|an?) (?:the|an?)\b", r"\1", text)
    return re.sub(r"\ba(?= [aeio])", "an", text)


def placed(question: str, topic: str, rng: random.Random) -> str:
    """The question with its subject named beside it, as people do where the rest alone would be too vague."""
    template = rng.choice(_PLACES)
    if not template.startswith("{q}") and not re.match(r"I\b|\w*[A-Z0-9]{2}", question):
        question = question[0].lower() + question[1:]
    return template.format(t=topic, q=question)


def typed(question: str, rng: random.Random) -> str:
    """The question as somebody types it: often lower case, sometimes without its mark or with a greeting."""
    question = question[0].upper() + question[1:]
    for full, short in _CONTRACTIONS:
        if question.startswith(full) and rng.random() < 0.5:
            question = short + question[len(full) :]
    if rng.random() < 0.06:
        question = question.rstrip("?") + rng.choice(_CLOSINGS)
    if rng.random() < 0.06:
        question = rng.choice(_OPENINGS) + question[0].lower() + question[1:]
        question = question[0].upper() + question[1:]
    if rng.random() < 0.5:
        question = _lower_case(question)
        if rng.random() < 0.5:
            question = question.replace("?", "")
        if rng.random() < 0.3:
            question = question.replace("'", "")
    return question.replace("??", "?").strip()


def _lower_case(text: str) -> str:
    """All but abbreviations and codes."""
    return " ".join(
        word if len(re.findall(r"[A-Z0-9]", word)) > 1 else word.lower() for word in text.split(" ")
    )
