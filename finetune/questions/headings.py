"""Section headings as the questions that their sections answer, where the text fits the question."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from core.units import Unit, plain
from finetune.questions.lexicon import CLOCK, MONTH, first_person
from finetune.questions.passage import Candidate, Passage, Topic, one_line

METHOD = "heading"
_TIME = rf"\b(?:within|by|before|until|days?|weeks?|months?|hours?|o'clock|{CLOCK}|{MONTH})\b"
_PERSON = r"@|\b(?:contact|ask|write to|call|talk to|team|desk|lead|manager|officer|director|head of)\b"

# heading -> (what the answering unit must say, questions about the topic of the section above)
_PATTERNS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        r"(?:eligibility|who is eligible|who can (?:apply|join|use it|take part)|who qualifies)",
        r"\b(?:eligible|qualif\w+|entitled|all|everyone|every|after|employees|staff|you)\b",
        ("Who is eligible for {t}?", "who can get {t}", "Do I qualify for {t}?", "who is {t} for?"),
    ),
    (
        r"(?:approvals?|who approves|sign-?off)",
        r"approv|sign|agree|consent|permission",
        ("Who has to okay {t}?", "whose permission do I need for {t}", "Who decides on {t}?"),
    ),
    (
        r"(?:contacts?|questions|help|support|who to (?:ask|contact|call)|further help|need help)",
        _PERSON,
        (
            "Who do I contact about {t}?",
            "who can help me with {t}?",
            "Who should I ask if I have trouble with {t}?",
        ),
    ),
    (
        r"exceptions?",
        r"\b(?:except|not|only|unless|exempt|excluded|exceptions?)\b",
        ("Are there exceptions for {t}?", "is anybody exempt from {t}", "When does {t} not apply?"),
    ),
    (
        r"(?:deadlines?|timeline|notice|notice period|when to apply)",
        _TIME + r".*\d|\d.*" + _TIME,
        (
            "What is the deadline for {t}?",
            "how long in advance for {t}?",
            "Until when do I have time for {t}?",
        ),
    ),
    (
        r"(?:requirements?|prerequisites|what you need|before you (?:start|begin)|conditions)",
        r"\b(?:need|must|require[sd]?|have|at least|only|should)\b",
        (
            "What do I need for {t}?",
            "what are the conditions for {t}?",
            "what should I have ready before {t}",
        ),
    ),
    (
        r"(?:opening hours|hours|opening times|office hours)",
        r"\d",
        ("When is {t} open?", "what are the opening times of {t}", "until what time is {t} open?"),
    ),
    (
        r"(?:how to apply|applying|application|how to request it|requesting|how it works)",
        r"",
        ("How do I apply for {t}?", "how can I get {t}", "What do I do to get {t}?"),
    ),
)
_HOW_TO = (
    (re.compile(r"^how to (.+)$", re.I), ("How do I {x}?", "how can I {x}", "What's the way to {x}?")),
    (re.compile(r"^how (?:we|you|to) (.+)$", re.I), ("How do we {x}?", "how do you {x}")),
    (
        re.compile(r"^(?:what to do )?(?:if|when) (?:you |your )(.+)$", re.I),
        ("What do I do if I {x}?", "help, what now: I {x}"),
    ),
    (re.compile(r"^(?:what to do )?(?:if|when) (.+)$", re.I), ("What do I do if {x}?", "{x}, what now?")),
    (re.compile(r"^when to (.+)$", re.I), ("When should I {x}?", "when do we {x}")),
    (re.compile(r"^where to (.+)$", re.I), ("Where do I {x}?", "where can I {x}")),
    (re.compile(r"^why (.+)$", re.I), ("Why {x}?",)),
)
_UNCLEAR = re.compile(r"\b(?:it|they|them|this|that)\b|^(?:do|does|is|are|can|should|to|must|will)\b", re.I)
_ABOUT_QUESTIONS = (
    "What are the rules for {t}?",
    "can you explain {t} to me",
    "what do I need to know about {t}?",
    "{t}, how does that work?",
)
_SHORT_SECTION = 3  # units: all of it is about its heading
_VERB_QUESTIONS = (
    "How do I {v}?",
    "how can I {v}",
    "What are the steps to {v}?",
    "how does it work if I want to {v}?",
)


def questions(passage: Passage, rng: random.Random) -> Iterator[Candidate]:
    seen: set[str] = set()
    for unit in passage.units:
        heading = plain(passage.section(unit)).rstrip(":")
        if heading in seen or heading == passage.chunk.title:
            continue
        seen.add(heading)
        yield from _from_heading(passage, unit, heading, rng)


def _from_heading(passage: Passage, first: Unit, heading: str, rng: random.Random) -> Iterator[Candidate]:
    section = passage.siblings(first)
    for pattern, wanted, wordings in _PATTERNS:
        if re.fullmatch(pattern, heading, re.IGNORECASE):
            topic = passage.topic(first, outer=True)
            fitting = next(
                (unit for unit in section if re.search(wanted, unit.readable(), re.IGNORECASE)), None
            )
            if topic and fitting:
                yield _candidate(rng.choice(wordings).format(t=topic.noun), fitting)
            return
    yield from _how_to(passage, heading, section, rng)


def _how_to(passage: Passage, heading: str, section: list[Unit], rng: random.Random) -> Iterator[Candidate]:
    if section[0].kind == "row":
        return
    for pattern, wordings in _HOW_TO:
        match = pattern.match(heading)
        if match and 2 <= len(match.group(1).split()) <= 8 and not _UNCLEAR.search(match.group(1)):
            phrase = re.sub(r"\bus\b", "you", first_person(passage.everyday(match.group(1))))
            yield _candidate(rng.choice(wordings).format(x=phrase), section[0])
            return
    topic: Topic | None = passage.as_topic(heading)
    if topic and len(topic.verb.split()) >= 2 and _tells_how(section[0]):
        yield _candidate(rng.choice(_VERB_QUESTIONS).format(v=topic.verb), section[0])
    elif topic and not topic.verb and len(topic.noun.split()) > 1 and len(section) <= _SHORT_SECTION:
        text = one_line([unit.readable() for unit in section[:2]])
        question = rng.choice(_ABOUT_QUESTIONS).format(t=topic.noun)
        yield Candidate(question, text, tuple(unit.text for unit in section[:2]), METHOD)


def _tells_how(unit: Unit) -> bool:
    """A step or an instruction, not a remark."""
    return unit.kind == "item" or bool(
        re.match(r"(?:[A-Z][a-z]+ (?:the|a|an|your|it|to|in|on|at)\b|You )", plain(unit.text))
    )


def _candidate(question: str, unit: Unit) -> Candidate:
    return Candidate(question, unit.readable(), (unit.text,), METHOD)
