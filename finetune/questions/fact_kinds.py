"""Kinds of facts that a sentence can state, and how people ask for each.

In the questions {t} is what the section is about, {v} the same as something to do, {u} what is counted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from finetune.questions.lexicon import CLOCK, DATE, MONEY, MONTH, NUMBER, PERSON, SPAN


@dataclass(frozen=True, slots=True)
class Fact:
    """`pattern` finds the fact (its group `key`, or all of it), `cue` must stand in the same sentence."""

    name: str
    pattern: re.Pattern[str]
    cue: re.Pattern[str]
    about: tuple[str, ...]  # questions about {t}
    doing: tuple[str, ...] = ()  # questions about doing {v}
    strict: bool = False  # only where the sentence names the topic


def _fact(
    name: str,
    pattern: str,
    cue: str,
    about: tuple[str, ...],
    doing: tuple[str, ...] = (),
    strict: bool = False,
) -> Fact:
    return Fact(name, re.compile(pattern), re.compile(cue, re.IGNORECASE), about, doing, strict)


FACTS: tuple[Fact, ...] = (
    _fact(
        "money limit",
        MONEY,
        r"\b(?:up to|at most|max(?:imum)?|limit|no more than|not exceed|capped|ceiling|or less)\b",
        (
            "What's the limit for {t}?",
            "how much can I spend on {t}",
            "Is there a maximum amount for {t}?",
            "{t} max amount?",
        ),
        ("Is there a limit on the amount when I {v}?", "how much may it cost if I {v}"),
    ),
    _fact(
        "price",
        MONEY,
        r"\bcosts? (?:about |around |only )?[€$£\d]|"
        r"\b(?:price|fee|charge[sd]?|per (?:month|year|unit|user|seat|piece|day))\b",
        ("How much does {t} cost?", "what's the price for {t}", "What do I have to pay for {t}?"),
        ("What does it cost to {v}?", "how much is it to {v}"),
    ),
    _fact(
        "money",
        MONEY,
        r"\b(?:receives?|gets?|paid|pays?|allowance|budget|reimburse[sd]?|contribut\w+|bonus|has|have|worth)\b",
        ("How much money do I get for {t}?", "what amount is there for {t}", "How much is paid for {t}?"),
        ("How much do I get if I {v}?",),
    ),
    _fact(
        "notice",
        rf"{NUMBER} {SPAN}(?:['’])?(?: of)? (?:notice|before|ahead|in advance)",
        r"",
        (
            "How far ahead do I have to ask for {t}?",
            "how much notice is needed for {t}",
            "How early should I plan {t}?",
        ),
        ("How far in advance do I have to {v}?", "how early must I {v}"),
    ),
    _fact(
        "deadline",
        r"(?:within|no later than|not later than|by|before|until|after) "
        rf"(?P<key>(?:the end of )?(?:{NUMBER} {SPAN}|{DATE}|{CLOCK}))",
        r"\b(?:must|have to|has to|submit\w*|send|return\w*|hand|due|deadline|within|until|expires?|lapses?|"
        r"refused|report\w*)\b",
        (
            "What's the deadline for {t}?",
            "how long do I have for {t}",
            "by when for {t}?",
            "is there a time limit for {t}",
        ),
        ("By when do I have to {v}?", "until when can I {v}", "How long do I have to {v}?"),
    ),
    _fact(
        "most",
        rf"(?:up to|at most|no more than|maximum of|limited to) (?P<key>{NUMBER} (?:[a-z]+ )?[a-z]+s)\b",
        r"",
        ("Is there a limit for {t}?", "what's the maximum for {t}", "How many {u} at most for {t}?"),
        ("Is there a limit if I want to {v}?", "what's the maximum when I {v}"),
    ),
    _fact(
        "least",
        rf"(?:at least|minimum of|no fewer than|not less than) (?P<key>{NUMBER} (?:[a-z]+ )?[a-z]+s)\b",
        r"",
        ("What is the minimum for {t}?", "is there a minimum for {t}", "how many {u} at least for {t}?"),
        ("What's the minimum to {v}?", "how many {u} do I need at least to {v}"),
    ),
    _fact(
        "often",
        r"\b(?P<key>every (?:day|week|month|quarter|year|\w+ (?:days|weeks|months|years))|once a \w+|"
        r"twice a \w+|(?:daily|weekly|monthly|quarterly|annually|yearly)|"
        r"each (?:quarter|month|week|year)|once every \w+ \w+)\b",
        r"",
        ("{t}: how often?", "How often is that for {t}?", "how frequent is {t}?"),
        ("How often should I {v}?", "how frequently do we {v}"),
        strict=True,
    ),
    _fact(
        "lasts",
        rf"{NUMBER} (?:to {NUMBER} )?{SPAN}",
        r"\b(?:lasts|takes?|took|duration|runs? for|extended)\b",
        ("How long does {t} take?", "how long is {t}", "What is the length of {t}?"),
        ("How long does it take to {v}?",),
    ),
    _fact(
        "hours",
        rf"(?:{CLOCK})(?: ?(?:to|and|until|-|–) ?(?:{CLOCK}))",
        r"",
        ("What are the hours for {t}?", "from when to when is {t}", "What time is {t}?"),
        strict=True,
    ),
    _fact(
        "day",
        rf"\b(?:on|in|from|since) (?P<key>{DATE}(?: \d{{4}})?|{MONTH}(?: \d{{4}})?|"
        r"the last working day of \w+ \w+|(?:Mon|Tues|Wednes|Thurs|Fri)days?)\b",
        r"",
        ("When is {t}?", "what date is {t}", "do you know when {t} is?"),
        ("When can I {v}?", "at what time of the year do we {v}"),
        strict=True,
    ),
    _fact(
        "percent",
        r"\b\d[\d.,]*\s?(?:%|per ?cent)",
        r"",
        ("What percentage applies to {t}?", "how many percent is it for {t}", "{t}, what's the percentage?"),
        strict=True,
    ),
    _fact(
        "approval",
        r"\b(?:approves?|approved by|approval (?:of|from|by)|signs? off|has to agree|must agree|"
        r"permission (?:of|from)|consent of)\b",
        r"",
        ("Who decides on {t}?", "whose OK do I need for {t}", "Who has the last word on {t}?"),
        ("Who has to say yes before I {v}?", "do I need someone's OK to {v}"),
    ),
    _fact(
        "owner",
        r"\b(?:is|are) (?:responsible for|in charge of)|\blooks after\b|"
        r"\b(?:is|are) (?:owned|maintained|run|organised|managed|looked after) by",
        r"",
        ("Who takes care of {t}?", "who is behind {t}", "Who handles {t} here?"),
    ),
    _fact(
        "contact",
        rf"(?P<key>[\w.-]+@[\w.-]+\w|#[a-z][\w-]+|{PERSON})",
        r"\b(?:contact|ask|tell|inform|write|mail|call|talk|send|report|reach|notify|let)\b",
        (
            "Who do I contact about {t}?",
            "who can help me with {t}",
            "Who should know about {t}?",
            "contact for {t}?",
        ),
        ("Who do I have to tell if I {v}?", "who do I turn to if I want to {v}"),
    ),
    _fact(
        "place",
        r"\b(?P<key>room \d+(?:\.\d+)?|(?:ground|first|second|third|fourth) floor|next to the [\w ]+|"
        r"(?:building|hall|gate) [A-Z0-9]\b)",
        r"",
        ("Where is {t}?", "where do I find {t}", "what's the place for {t}?"),
        ("Where can I {v}?",),
        strict=True,
    ),
)
