"""Sentences that allow, demand, forbid or set a condition, as what somebody asks before acting."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from finetune.questions.lexicon import PEOPLE, first_person, starts_with
from finetune.questions.passage import Candidate, Passage

METHOD_RULE, METHOD_CONDITION = "rule", "condition"

_MODAL = re.compile(
    rf"^(?:[^,]{{3,50}},\s)?{PEOPLE}(?: (?:also|always|then|only|who [\w ]{{3,30}}))? "
    r"(?P<modal>may(?: not| only)?|can(?: not|not|'t)?|must(?: not)?|have to|has to|needs? to|"
    r"should(?: not)?|do(?: not|n't) (?:have|need) to|need not|are (?:not )?(?:allowed|expected|required) to)"
    r" (?:also |always |then |only |still )?(?P<vp>[a-z].+)$",
    re.IGNORECASE,
)
_DEMANDS = re.compile(
    r"must$|have to|has to|needs? (?:to|not)|should$|do(?: not|n't) |are (?:not )?(?:expected|required)",
    re.IGNORECASE,
)
_IMPERATIVE = re.compile(r"^(?:please )?(?:never|do not|don't) (?P<vp>[a-z].+)$", re.IGNORECASE)
_JUDGED = re.compile(
    r"^(?:the )?(?P<thing>[A-Z][\w' -]{2,45}?) (?:is|are) (?:not )?"
    r"(?P<verdict>allowed|permitted|forbidden|prohibited|paid|covered|reimbursed)\b(?! (?:out|in|on)\b)"
)
_CONDITION = re.compile(
    r"^(?P<word>If|When|Once|After) (?P<state>(?:you|your|an?|the|someone|somebody|nobody)\b[^,;:.]{8,70}), "
    r"(?P<rest>\S.{10,})$"
)
_REFERS_BACK = re.compile(r"\b(?:it|them|this|these|that|there|they|such|then|so|still)\b", re.IGNORECASE)
CUT = re.compile(
    r"[,;:(–—]|\s(?:unless|if|when|because|so that|until|up to|within|at least|at most|before|after|provided|"
    r"as long as|but|and|or|than|for up to|no later|without asking|by|from|since|which|who|that|in order|"
    r"rounded)\b.*|\s(?:for|in) (?:\d|one|two|three).*"
)
_UNCLEAR = re.compile(r"[\d€$£@]|\b(?:between|it|them|this|these|that|so|there|one)\b")
_LOOSE_ENDS = ("to", "in", "on", "at", "for", "with", "of", "a", "the", "and", "as", "it", "them", "also")
_MAY = ("Can I {x}?", "am I allowed to {x}", "Is it OK if I {x}?", "is it possible to {x}", "May we {x}?")
_MUST = ("Do I have to {x}?", "is it necessary to {x}", "Do I really need to {x}?", "am I supposed to {x}")
_JUDGEMENTS = {
    "allowed": ("Is {x} OK?", "are we allowed {x}", "What about {x}, is that fine?"),
    "paid": ("Do I get {x} paid?", "who pays for {x}", "Can I claim {x}?"),
}
_JUDGEMENTS |= dict.fromkeys(("permitted", "forbidden", "prohibited"), _JUDGEMENTS["allowed"])
_JUDGEMENTS |= dict.fromkeys(("covered", "reimbursed"), _JUDGEMENTS["paid"])


def questions(passage: Passage, rng: random.Random) -> Iterator[Candidate]:
    for unit in passage.units:
        if unit.kind == "row":
            continue
        text = unit.readable()
        made = _rule(text, rng) or _condition(text, rng)
        if made:
            question, method = made
            yield Candidate(question, text, (unit.text,), method)


def _rule(text: str, rng: random.Random) -> tuple[str, str] | None:
    if match := _MODAL.match(text) or _IMPERATIVE.match(text):
        modal = match.groupdict().get("modal", "")
        phrase = shortened(match["vp"])
        wordings = _MUST if _DEMANDS.match(modal) else _MAY
        return (rng.choice(wordings).format(x=phrase), METHOD_RULE) if phrase else None
    if (match := _JUDGED.match(text)) and not starts_with("no thing to ask for").match(match["thing"]):
        thing = match["thing"][0].lower() + match["thing"][1:]
        return rng.choice(_JUDGEMENTS[match["verdict"]]).format(x=thing), METHOD_RULE
    return None


def shortened(text: str, *, passive: bool = False) -> str:
    """The verb and its object, in the first person; empty where that is too short or too long to ask."""
    words = first_person(CUT.sub("", text).strip(" .")).split()
    while words and words[-1].lower() in _LOOSE_ENDS:
        words.pop()
    if not 2 <= len(words) <= 9 or words[0] in ("not", "only") or _UNCLEAR.search(" ".join(words)):
        return ""
    return " ".join(words) if passive or words[0] not in ("be", "have") else ""


def _condition(text: str, rng: random.Random) -> tuple[str, str] | None:
    match = _CONDITION.match(text)
    if not match or len(match["state"].split()) > 11 or _REFERS_BACK.search(match["state"]):
        return None
    if match["word"] in ("Once", "After") and not match["state"].startswith("you "):
        return None
    state = first_person(match["state"])
    wordings: tuple[str, ...] = (
        "What happens if {x}?",
        "what do I do if {x}",
        "{x}, what now?",
        "What if {x}?",
        "{x}. what are the rules then?",
    )
    if match["word"] in ("Once", "After"):
        wordings = ("What happens once {x}?", "and after {x}, what then?")
    return rng.choice(wordings).format(x=state), METHOD_CONDITION
