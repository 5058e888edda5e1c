"""Word lists and pieces of patterns that several makers share."""

from __future__ import annotations

import re
from functools import cache

from finetune.similarity import word_list

NUMBER = (
    r"(?:\d[\d.,]*|one|two|three|four|five|six|seven|eight|nine|ten|twelve|fourteen|fifteen|twenty|thirty)"
)
SPAN = r"(?:working |calendar |business )?(?:minutes?|hours?|days?|weeks?|months?|years?)"
MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
DATE = rf"(?:\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {MONTH}|{MONTH} \d{{1,2}}|the \d{{1,2}}(?:st|nd|rd|th))"
CLOCK = r"(?:\d{1,2}[:.]\d\d|\d{1,2} ?[ap]\.?m\b)"
MONEY = r"(?:(?:€|\$|£|EUR|USD|GBP)\s?\d[\d.,]*|\d[\d.,]*\s?(?:€|euros?|EUR|USD|GBP|dollars|pounds))"
PERSON = r"[A-Z][a-zà-ÿ]+ (?:(?:van|de|der|den|von|da|dos) )*[A-Z][a-zà-ÿ]+"
ROLE = (
    r"(?:lead|manager|head|officer|team|desk|department|director|engineer|agent|reception|finance|office|"
    r"committee|council|company)"
)
PEOPLE = (
    r"(?:you|we|employees|staff|everyone|everybody|anyone|colleagues|(?:all|new|full-time|part-time) \w+|"
    r"part-timers|each (?:employee|person)|team leads|managers)"
)


@cache
def starts_with(name: str) -> re.Pattern[str]:
    """Matches a text whose first word, or words, are in the list."""
    return re.compile(rf"^(?:{'|'.join(map(re.escape, word_list(name)))})\b", re.IGNORECASE)


@cache
def has_word(name: str) -> re.Pattern[str]:
    """Finds a word of the list anywhere."""
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, word_list(name)))})\b", re.IGNORECASE)


@cache
def imperatives() -> frozenset[str]:
    """Verbs that instructions begin with."""
    return frozenset((*word_list("verbs"), *word_list("verbs of instructions")))


@cache
def gerunds() -> dict[str, str]:
    """`carrying` -> `carry`, for the verbs that headings begin with."""
    found = {_gerund(verb): verb for verb in word_list("verbs")}
    return found | {"enrolment": "enrol", "travelling": "travel"}


def _gerund(verb: str) -> str:
    if verb.endswith("e") and not verb.endswith("ee"):
        return verb[:-1] + "ing"
    doubled = {
        "enrol", "get", "log", "plan", "refer", "reset", "run", "set", "ship", "stop", "submit", "swap",
        "transfer",
    }  # fmt: skip
    return verb + (verb[-1] if verb in doubled else "") + "ing"


def first_person(text: str) -> str:
    """`your lead tells you` as `my lead tells me`."""
    for pattern, replacement in _PERSONS:
        text = re.sub(pattern, replacement, text, flags=re.IGNORECASE)
    return text


_PERSONS = (
    (r"\byou are\b", "I am"),
    (r"\byou were\b", "I was"),
    (r"\byourself\b", "myself"),
    (r"\byours\b", "mine"),
    (r"\byour\b", "my"),
    (r"\b(to|with|for|by|of|from|gives?|tells?|asks?) you\b", r"\1 me"),
    (r"\byou\b", "I"),
    (r"\btheir\b", "my"),
    (r"\bthemselves\b", "myself"),
)
