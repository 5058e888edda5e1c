"""Sentences that say what something is, who somebody is, or when something happened."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from finetune.questions.lexicon import PERSON, starts_with
from finetune.questions.passage import Candidate, Passage
from finetune.questions.rules import CUT

METHOD_DEFINITION, METHOD_EVENT = "definition", "event"

_DEFINITION = re.compile(
    r"^(?:(?:A|An|The) )?(?P<term>[A-Z*`\"]?[\w*`\"'-]+(?: [\w'-]+){0,3}?) "
    r"(?:is|are|means|stands for|refers to) (?P<what>(?:an?|the|our|its|one of) .+)$"
)
_EXPLAINS = re.compile(
    r"\b(?:that|which|who|where|used|for|called|responsible|head|lead|officer|director|manager)\b",
    re.IGNORECASE,
)
_EVENT = re.compile(
    r"^(?:In|On) (?P<when>(?:\w+ )?(?:\d{1,2} \w+ )?\d{4})\b,? (?P<who>[A-Za-z][\w' -]{2,40}?) "
    r"(?P<verb>[a-z]+ed|began|bought|sold|won|grew|became) (?P<rest>.+)$"
)
_PASSIVE_EVENT = re.compile(
    r"^(?P<who>[A-Z][\w' -]{2,40}?) (?P<be>was|were) (?P<verb>[a-z]+(?:ed|nd|lt|ght)) (?P<rest>.*?)"
    r"\bin (?P<when>(?:\w+ )?\d{4})\b"
)
_WHO = ("Who is {x}?", "what does {x} do here", "What's the job of {x}?")
_MEANING = (
    "What does {x} mean?",
    "what is meant by {x}",
    "What exactly is {x}, in short?",
    "can you explain {x}",
)
_DID = ("When did {w} {v} {r}?", "what year did {w} {v} {r}")
_WAS = ("When {b} {w}?", "what year {b} {w}")
_OFFICE = re.compile(r"\b(?:Head|Lead|Officer|Director|Manager|Adviser|[Ff]ounder)\b")
_BASE = {"began": "begin", "bought": "buy", "sold": "sell", "won": "win", "grew": "grow", "became": "become"}


def questions(passage: Passage, rng: random.Random) -> Iterator[Candidate]:
    for unit in passage.units:
        if unit.kind == "row":
            continue
        text = unit.readable()
        if made := _definition(passage, text, rng) or _event(text, rng) or _passive_event(passage, text, rng):
            question, method = made
            yield Candidate(question, text, (unit.text,), method)


def _definition(passage: Passage, text: str, rng: random.Random) -> tuple[str, str] | None:
    match = _DEFINITION.match(text)
    if not match or _nothing(match["term"]) or len(match["what"].split()) < 4:
        return None
    if re.fullmatch(PERSON, match["term"]) and _OFFICE.search(text):
        return rng.choice(_WHO).format(x=match["term"]), METHOD_DEFINITION
    if not _EXPLAINS.search(match["what"]):
        return None
    return rng.choice(_MEANING).format(x=passage.everyday(match["term"].strip('*`"'))), METHOD_DEFINITION


def _event(text: str, rng: random.Random) -> tuple[str, str] | None:
    match = _EVENT.match(text)
    if not match or (_nothing(match["who"]) and match["who"].lower() != "we"):
        return None
    rest = " ".join(CUT.sub("", match["rest"]).split()[:7]).strip(" .")
    return rng.choice(_DID).format(w=match["who"], v=base_form(match["verb"]), r=rest), METHOD_EVENT


def _passive_event(passage: Passage, text: str, rng: random.Random) -> tuple[str, str] | None:
    match = _PASSIVE_EVENT.match(text)
    if not match or _nothing(match["who"]):
        return None
    what = " ".join((passage.everyday(match["who"]), match["verb"], *match["rest"].split()[:6]))
    return rng.choice(_WAS).format(b=match["be"], w=what), METHOD_EVENT


def _nothing(text: str) -> bool:
    return bool(starts_with("no thing to ask for").match(text))


def base_form(verb: str) -> str:
    """`opened` as `open`, `moved` as `move`, `stopped` as `stop`."""
    if verb in _BASE:
        return _BASE[verb]
    stem = verb.removesuffix("ed")
    if re.search(r"([bdgmnprt])\1$", stem):
        return stem[:-1]
    return (
        stem + "e"
        if re.search(r"(?:[vcszu]|[aeiou]g|at|as|ir|ar|ov|lv|nc|rg|dg|ok)$", stem)
        and not re.search(r"(?:ss|[aeiou]{2}[sz])$", stem)
        else stem
    )
