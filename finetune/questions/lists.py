"""List items and paragraphs that open with a term: `**Own car:** €0.23 a kilometre`, `Hub: the box`."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from core.units import Unit, plain
from finetune.questions.lexicon import imperatives, starts_with
from finetune.questions.passage import Candidate, Passage
from finetune.similarity import word_list

METHOD = "list"
_BOLD = re.compile(
    r"^\*\*(?P<term>[^*]{2,60}?)(?P<mark>[:.]?)\*\*(?P<mark2>\s*[:–—-])?\s*(?P<rest>\S.*)$", re.DOTALL
)
_PLAIN = re.compile(r"^(?P<term>[A-Z`][^:.!?*|]{1,45}?)(?::|\s[–—]|\s-)\s+(?P<rest>\S.{6,})$", re.DOTALL)
_MONEY = re.compile(r"[€$£]\s?\d|\d\s?(?:€|EUR\b|USD\b)")
_DURATION = re.compile(
    r"\b\d+\s+(?:working |calendar |business )?(?:minutes?|hours?|days?|weeks?|months?|years?)\b", re.I
)
_CLOCK = re.compile(r"(?:from )?\d{1,2}[:.]\d\d\b")
_PERSON = re.compile(r"@|\bext(?:ension)?\.?\s*\d|\b[A-Z][a-z]+ (?:van |de |der )*[A-Z][a-z]+\b")
_NO_TERM = re.compile(r"[/\\<>{}@]|https?|\?$")
_VERB_FIRST = re.compile(
    r"^(?:shows?|sets?|holds?|stores?|means?|checks?|starts?|stops?|opens?|closes?|sends?|keeps?|lists?)\b"
)

_WORDINGS: dict[str, tuple[str, ...]] = {
    "meaning": (
        "What does {x} mean?",
        "what is meant by {x}",
        "can you explain {x}",
        "{x}, what does that mean?",
    ),
    "does": ("What does {x} do?", "what is {x} for", "What happens with {x}?"),
    "money": (
        "{t}: how much for {x}?",
        "How much is it for {x} when it comes to {t}?",
        "how much do we pay for {x} ({t})",
    ),
    "duration": (
        "{t}: how long for {x}?",
        "what's the time for {x} when it comes to {t}",
        "how long is it for {x} ({t})",
    ),
    "person": (
        "who handles {x} when it comes to {t}",
        "Who do I go to about {x} ({t})?",
        "{t}: who is it for {x}?",
    ),
    "steps": (
        "{t}: what do I do for {x}?",
        "how does {x} work ({t})",
        "What do I do for {x} when it comes to {t}?",
    ),
    "hours": (
        "{t}: what are the times for {x}?",
        "when is {x} ({t})",
        "from when to when is {x} when it comes to {t}?",
    ),
    "other": (
        "{t}: can you tell me about {x}?",
        "What should I know about {x} when it comes to {t}?",
        "what about {x} ({t})?",
    ),
}


def questions(passage: Passage, rng: random.Random) -> Iterator[Candidate]:
    for unit in passage.units:
        if unit.kind == "row" or not (split := term_and_rest(unit)):
            continue
        term, rest = split
        kind = "meaning" if _is_glossary(passage, unit) else rest_kind(rest)
        topic = passage.topic(unit)
        if topic is None and kind not in ("meaning", "does"):
            continue
        asked = rng.choice(_WORDINGS[kind]).format(x=passage.everyday(term), t=topic.noun if topic else "")
        yield Candidate(asked, f"{term}: {plain(rest)}", (unit.text,), METHOD, placed=True)


def term_and_rest(unit: Unit) -> tuple[str, str] | None:
    """The term that a unit opens with and what it says of it; None where it opens with none."""
    match = _BOLD.match(unit.text) or (_PLAIN.match(unit.text) if unit.kind == "item" else None)
    if not match:
        return None
    term = re.sub(r"\s*\([^)]*\)", "", plain(match["term"])).strip(" .:")
    rest = match["rest"].strip()
    if not 1 <= len(term.split()) <= 5 or len(rest.split()) < 3 or _NO_TERM.search(term):
        return None
    if term.split()[0].lower() in imperatives() or term.lower() in word_list("generic headings"):
        return None
    if starts_with("no label to ask for").match(term) or starts_with("no thing to ask for").match(term):
        return None
    return term, rest


def rest_kind(rest: str) -> str:
    text = plain(rest)
    first = re.match(r"(\w+) (?:the|an?|your|it|in|on|to|for|all)\b", text)
    if first and first.group(1).lower() in imperatives():
        return "steps"
    if _MONEY.search(text):
        return "money"
    if _CLOCK.match(text):
        return "hours"
    if _DURATION.search(text):
        return "duration"
    if _PERSON.search(text):
        return "person"
    return "does" if _VERB_FIRST.match(text) else "other"


def _is_glossary(passage: Passage, unit: Unit) -> bool:
    where = " ".join((passage.chunk.title, passage.chunk.source, passage.section(unit)))
    return bool(
        re.search(r"\b(?:glossary|definitions?|terms|abbreviations?|vocabulary|jargon)\b", where, re.I)
    )
