"""Plain statements turned round: who does it, where it is, how long it takes, how many, when it starts."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator

from finetune.questions.lexicon import (
    MONTH,
    NUMBER,
    PEOPLE,
    PERSON,
    ROLE,
    SPAN,
    first_person,
    imperatives,
    starts_with,
)
from finetune.questions.passage import Candidate, Passage
from finetune.questions.rules import shortened

METHOD = "statement"
_SUBJECT = (
    r"(?P<s>(?:(?:The|A|An|Your|Each|Every|Our|All) )?[\w'’-]+(?: (?:of |for |to |in )?[\w'’-]+){0,4}?)"
)
_PEOPLE = re.compile(rf"^{PEOPLE}\b", re.IGNORECASE)
_HAS_VERB = re.compile(
    r"\b(?:is|are|was|were|be|has|have|can|may|must|will|you|it|we|they|that|which|who|not)\b", re.IGNORECASE
)
_AGENT = re.compile(
    rf"\b{ROLE}\b|\b[A-Z][\w-]+|\b(?:installer|payroll|purchasing|courier|sponsor|auditor|people|board|fund)s?\b"
)
_PLACE = r"(?:in|on|at|from|under|next to|behind|inside)"
_NO_PLACE = re.compile(
    r"(?:writing|use|time|order|case|full|addition|charge|progress|line|force|leave|request|demand|least|most|"
    rf"once|\w+days?|\d\S*|{MONTH})\b",
    re.IGNORECASE,
)
_ABOUT = r"(?:about |around |up to |at least |at most |only )?"


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(f"^{text}")


_TAKES = _pattern(
    rf"{_SUBJECT} (?P<v>takes?|lasts?|runs? for) {_ABOUT}(?P<key>{NUMBER} (?:to {NUMBER} )?{SPAN})\b"
)
_COSTS = _pattern(rf"{_SUBJECT} (?P<v>costs?) {_ABOUT}(?P<key>[€$£]?\s?\d[\d.,]*)")
_HAS = _pattern(
    rf"{_SUBJECT}(?: who [\w ()]+)? (?:also )?(?P<v>has|have|gets?|receives?|contains?|holds?|needs?|earns?) "
    rf"{_ABOUT}(?P<key>{NUMBER}) (?P<n>(?:[a-z]+ )?[a-z]+s(?: of [a-z]+(?: [a-z]+){{0,2}})?)\b"
)
_STARTS = _pattern(
    rf"{_SUBJECT} (?P<v>(?:start|begin|open|close|end|happen|arrive|expire|leave|run)s?|takes? place) "
    rf"(?:only )?(?P<key>(?:at|on|in|from|every) (?:\d\S*|\w+day\S*|(?:the )?(?:first|last|second) \w+|"
    rf"(?:early |late )?{MONTH})\b.*)"
)
_KEPT = _pattern(
    rf"{_SUBJECT} (?P<b>is|are|hangs?|stands?|lies) "
    rf"(?P<v>kept|stored|located|found|listed|published|posted|available)? ?{_PLACE} (?P<place>\S.+)"
)
_DONE_BY = _pattern(
    rf"{_SUBJECT} (?P<b>is|are) (?P<v>\w+ed|given|paid|held|run|led|kept|sent|done|chosen|made) (?:\w+ )?"
    r"by (?P<key>(?:the |your |our )?[\w .'-]{3,40})"
)
_DONE_WHEN = _pattern(
    rf"{_SUBJECT} (?P<b>is|are) (?P<v>\w+ed|paid|held|sent|done|shut|cut|built|given|made) (?:\w+ )?"
    r"(?P<key>(?:on|after|within|at|before|once|twice|every|each|by|in) (?:the )?"
    rf"(?:{NUMBER}|\d\S*|\w+day|end|first|last|month|year|week|quarter|{MONTH})\b.*)"
)
_MODAL = _pattern(
    rf"{_SUBJECT}(?: (?:also|only|then))? "
    r"(?P<m>can(?:not)?|may(?: not| only)?|must(?: not)?|should(?: not)?|has to|have to) "
    r"(?:only |also |not |never )?(?P<vp>[a-z].+)$"
)
_THERE = _pattern(
    r"There (?P<b>is|are) (?P<no>no |not any )?(?P<x>(?:an? )?[a-z][\w -]{3,40}?)"
    r"(?=[.,;:]| for | in | at | on | with | when | between |$)"
)
_THERE_ARE = _pattern(rf"There are (?:about |only |up to )?(?P<key>{NUMBER}) (?P<n>[a-z]+s\b(?: of [a-z]+)?)")
_WHO = re.compile(
    rf"^(?P<s>(?:The |Your |Our )?(?:[\w-]+ ){{0,3}}{ROLE}|{PERSON}) (?:also |then |only )?"
    r"(?P<vp>(?:[a-z]+[^s\s]s|has|does|goes) "
    r"(?:the |a |an |your |all |every |which |whether |on |for |with |about |in )?[a-z].+)$"
)


def questions(passage: Passage, rng: random.Random) -> Iterator[Candidate]:
    for unit in passage.units:
        text = unit.readable()
        if unit.kind == "row" or len(text.split()) < 5:
            continue
        for turn in (_takes, _costs, _has, _starts, _done_by, _done_when, _kept, _there, _who, _modal):
            if found := turn(text, passage, rng):
                question, key = found
                keywords = (key,) if key and len(key.split()) <= 6 and re.search(r"\d", key) else ()
                yield Candidate(question, text, (unit.text,), METHOD, keywords)
                break


Turned = tuple[str, str] | None  # (question, what a right answer must say)
Turn = Callable[[str, Passage, random.Random], Turned]


def _subject(match: re.Match[str], passage: Passage) -> str:
    """`the trial`, `a new badge`; empty where it refers back or is no thing."""
    text = match["s"]
    if (
        starts_with("no thing to ask for").match(text)
        or _PEOPLE.match(text)
        or len(text) < 4
        or _HAS_VERB.search(text)
    ):
        return ""
    if text.split()[0].lower() in imperatives():
        return ""
    article = re.match(r"(?:The|A|An|Your|Each|Every|Our|All) ", text)
    noun = passage.everyday(text[article.end() :] if article else text)
    return first_person(f"{article.group().lower()}{noun}") if article else noun


def _takes(text: str, passage: Passage, rng: random.Random) -> Turned:
    if not (match := _TAKES.match(text)) or not (subject := _subject(match, passage)):
        return None
    helper = "does" if match["v"].split()[0].endswith("s") else "do"
    wordings = ("How long {h} {s} take?", "how much time {h} {s} take", "how long is it for {s}")
    return rng.choice(wordings).format(h=helper, s=subject), match["key"]


def _costs(text: str, passage: Passage, rng: random.Random) -> Turned:
    if not (match := _COSTS.match(text)) or not (subject := _subject(match, passage)):
        return None
    return rng.choice(("How much is {s}?", "what's the price of {s}", "what do I pay for {s}?")).format(
        s=subject
    ), match["key"]


def _has(text: str, passage: Passage, rng: random.Random) -> Turned:
    match = _HAS.match(text)
    if not match:
        return None
    noun = match["n"]
    if _PEOPLE.match(match["s"]):
        return rng.choice(
            ("How many {n} do I get?", "how many {n} do we have", "what number of {n} do i get?")
        ).format(n=noun), f"{match['key']} {noun.split()[0]}"
    if not (subject := _subject(match, passage)):
        return None
    helper = "does" if match["v"].endswith("s") else "do"
    return rng.choice(("How many {n} {h} {s} have?", "how many {n} are there for {s}")).format(
        n=noun, h=helper, s=subject
    ), match["key"]


def _starts(text: str, passage: Passage, rng: random.Random) -> Turned:
    if not (match := _STARTS.match(text)) or not (subject := _subject(match, passage)):
        return None
    verb = match["v"]
    helper = "does" if verb.split()[0].endswith("s") else "do"
    base = re.sub(r"^(\w+?)s\b", r"\1", verb) if helper == "does" else verb
    return rng.choice(("When {h} {s} {v}?", "what time or day {h} {s} {v}")).format(
        h=helper, s=subject, v=base
    ), ""


def _kept(text: str, passage: Passage, rng: random.Random) -> Turned:
    match = _KEPT.match(text)
    if not match or _NO_PLACE.match(match["place"]) or not (subject := _subject(match, passage)):
        return None
    if not match["v"] and not re.match(r"the|room|next|a|your|our|[A-Z]", match["place"]):
        return None
    helper = "are" if match["b"] == "are" else "is"
    wordings = ("Where do I find {s}?", "where can i get {s}", "Where {b} {s}?")
    return rng.choice(wordings).format(s=subject, b=helper), ""


def _done_by(text: str, passage: Passage, rng: random.Random) -> Turned:
    match = _DONE_BY.match(text)
    if not match or not (subject := _subject(match, passage)) or not _AGENT.search(match["key"]):
        return None
    return f"Who {match['b']} {subject} {match['v']} by?", ""


def _done_when(text: str, passage: Passage, rng: random.Random) -> Turned:
    match = _DONE_WHEN.match(text)
    if not match or not (subject := _subject(match, passage)):
        return None
    wordings = ("When {b} {s} {v}?", "how soon or how often {b} {s} {v}", "when will {s} be {v}?")
    return rng.choice(wordings).format(b=match["b"], s=subject, v=match["v"]), ""


def _there(text: str, passage: Passage, rng: random.Random) -> Turned:
    if match := _THERE_ARE.match(text):
        noun = match["n"]
        return rng.choice(("How many {n} are there?", "how many {n} do we have")).format(
            n=noun
        ), f"{match['key']} {noun}"
    match = _THERE.match(text)
    if not match or re.match(
        r"(?:an? )?(?:also|one|need|reason|more|other|room|always|never|nothing|only)\b", match["x"]
    ):
        return None
    article = "" if match["x"].startswith(("a ", "an ")) or match["b"] == "are" else "a "
    return rng.choice(("{B} there {x}?", "do we have {x}", "{B} there {x} here?")).format(
        B=match["b"].capitalize(), x=article + match["x"]
    ), ""


def _modal(text: str, passage: Passage, rng: random.Random) -> Turned:
    match = _MODAL.match(text)
    if (
        not match
        or not (subject := _subject(match, passage))
        or not (phrase := shortened(match["vp"], passive=True))
    ):
        return None
    if match["m"].startswith(("can", "may")):
        return rng.choice(("Can {s} {p}?", "may {s} {p}?", "is it OK for {s} to {p}")).format(
            s=subject, p=phrase
        ), ""
    return rng.choice(("Must {s} {p}?", "is it a must for {s} to {p}")).format(s=subject, p=phrase), ""


def _who(text: str, passage: Passage, rng: random.Random) -> Turned:
    match = _WHO.match(text)
    if not match or re.match(r"(?:has to|is|was|needs|says|this)\b", match["vp"]):
        return None
    phrase = shortened(match["vp"])
    if not phrase:
        return None
    return rng.choice(("Who {p}?", "do you know who {p}", "which person or team {p}?")).format(p=phrase), ""
