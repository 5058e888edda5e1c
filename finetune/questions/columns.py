"""What a table column holds, told from its header, and how people ask for it.

In the wordings {l} is the row's label, {c} the column, {k} the column of the label, {v} a piece of the cell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.units import Unit, cells
from finetune.questions.lexicon import has_word
from finetune.similarity import word_list

YES_NO = re.compile(r"^(?:yes|no|included|not included|optional|✓|✗|✔|x)$", re.I)
EMPTY = re.compile(r"^(?:[–—-]+|n/?a|tbd|\?)?$", re.I)
_MONEY = re.compile(r"[€$£]|\b(?:EUR|USD|GBP)\b")
_TIMES = ("when", "kept", "length", "count", "amount", "often")
_TIME_VALUE = re.compile(
    r"\d|\b(?:minutes?|hours?|days?|weeks?|months?|years?|once|twice|daily|weekly|monthly|yearly)\b", re.I
)
_ATTRIBUTES = re.compile(
    r"(?:|features?|spec\w*|property|properties|characteristic|parameter|capability)", re.I
)
_CODES = re.compile(r".*\b(?:code|error|status)\b.*", re.I)
_PEOPLE = re.compile(r"(?:name|person|who|employee|contact)\b.*", re.I)
# kind of column <- the whole header
_KINDS: tuple[tuple[str, str], ...] = (
    ("approver", r"approvers?|approved by|approval|approves|sign[- ]?off(?: by)?|decided by|decides"),
    (
        "topics",
        r"ask (?:them )?about|questions about|contact for|topics?|responsible for|helps with|go to for|"
        r"responsibilit(?:y|ies)",
    ),
    ("deals", r"handles|covers|deals with|looks after|supports"),
    ("purpose", r"used? for|purpose|what for|for what|use|good for"),
    ("email", r"e-?mail(?: address)?|mail address"),
    ("phone", r"(?:tele)?phone(?: number)?|ext(?:ension)?|tel|number to call"),
    ("person", r"owner|contact(?: person)?|manager|responsible|lead|person|coordinator|assignee|in charge"),
    ("role", r"role|job title|position|function|job"),
    (
        "meaning",
        r"meaning|means|definition|description|explanation|what it (?:is|means)|what this means|stands for|"
        r"cause|reason",
    ),
    (
        "action",
        r"actions?|what to do(?: first)?|fix|solution|remedy|resolution|next steps?|what you do|try this|"
        r"first thing to try",
    ),
    ("kept", r"kept(?: for)?|retention(?: period)?|stored for|how long(?: kept)?|keep for"),
    ("price", r"(?:\w+ )?(?:price|cost|fee|charge)s?(?: per [\w ]+)?"),
    ("limit", r"(?:\w+ )?(?:limit|maximum|max|cap|budget|allowance|ceiling)s?(?: per [\w ]+)?"),
    (
        "length",
        r"length|duration|period|lead time|response time|first response|delivery(?: time)?|"
        r"(?:minimum )?notice",
    ),
    (
        "count",
        r"(?:(?:extra|additional|paid|working|free|leave) )*(?:days|weeks|hours|months|seats|users)"
        r"(?: (?:off|per year))?",
    ),
    ("allowed", r"allowed|permitted|accepted|possible"),
    ("for whom", r"for whom|who gets it|available (?:to|for)|eligible|who can use it"),
    ("who", r"by whom|done by|who does it|given by|run by|trainer"),
    ("often", r"how often|frequency|interval|every"),
    ("weekday", r"day|weekday|day of the week"),
    ("amount", r"amount|pay|rate|bonus"),
    ("when", r"when|date|deadline|due(?: date)?|opening hours|opening times|hours"),
    ("where", r"where|location|room|place|address|floor|building|site"),
    ("remarks", r"remarks?|notes?|comments?|conditions?|good to know"),
)
WORDINGS: dict[str, tuple[str, ...]] = {
    "approver": ("Who approves {l}?", "who has to sign off on {l}", "Whose OK do I need for {l}?"),
    "email": (
        "What is the mail address for {l}?",
        "how do I reach {l} by mail",
        "where do I write to for {l}?",
    ),
    "phone": ("What's the phone number of {l}?", "how can I call {l}", "which number do I dial for {l}?"),
    "person": ("Who is the {c} for {l}?", "who takes care of {l}", "Who do I talk to about {l}?"),
    "role": ("What does {l} do here?", "what is {l}'s job", "What is {l} in charge of?"),
    "meaning": (
        "What does {l} mean?",
        "what do we mean by {l}?",
        "can somebody explain {l}",
        "{l} - what is that?",
    ),
    "action": ("What should I do about {l}?", "{l} showed up, how do I fix it?", "how do i solve {l}"),
    "kept": (
        "How long do we keep {l}?",
        "when can {l} be deleted",
        "for how long is {l} kept?",
        "how many years do we have to keep {l}",
    ),
    "price": ("How much is {l}?", "what does {l} cost", "What do we charge for {l}?", "price for {l}?"),
    "price column": ("What is the {c} for {l}?", "{c} of {l}?", "what's the {c} when a client wants {l}"),
    "limit": (
        "What's the {c} for {l}?",
        "what is the most that is paid for {l}",
        "how much am i allowed to spend for {l}?",
    ),
    "length": ("What is the {c} for {l}?", "how long for {l}?", "how much time is it for {l}?"),
    "count": ("How many {c} do I get for {l}?", "how many {c} for {l}", "{l}: how many {c} is that?"),
    "allowed": ("Is {l} allowed?", "can I use {l}", "am I allowed to have {l}?"),
    "for whom": ("Who is {l} for?", "who gets {l}", "can everybody have {l}?"),
    "who": ("Who is responsible for {l}?", "{l}: who does that?", "which person or team is it for {l}"),
    "often": ("{l}: how often?", "how often should there be a {l}", "how often is it for {l}?"),
    "weekday": ("What day is {l}?", "on which day of the week is {l}", "{l} is on what day?"),
    "amount": ("How much do I get for {l}?", "how much is it for {l}", "what do we get for {l}?"),
    "when": ("When is {l}?", "what date is {l}", "do you know when {l} is?"),
    "where": ("Where is {l}?", "where can I find {l}", "where do I go for {l}?"),
    "remarks": (
        "Is there anything to know about {l}?",
        "what should I watch out for with {l}",
        "anything special about {l}?",
    ),
    "money": ("What is the {c} for {l}?", "how much {c} for {l}", "how much money is the {c} for {l}?"),
    "other": (
        "What is the {c} for {l}?",
        "{c} for {l}?",
        "can you tell me the {c} for {l}?",
        "{l}: what is the {c}?",
    ),
    "matrix": ("{l} with {c}: what applies?", "what applies to {l} when it comes to {c}"),
    "attribute": ("What is the {l} of the {c}?", "what {l} does the {c} have", "what {l} comes with the {c}"),
    "attribute yes/no": ("Does the {c} have {l}?", "is {l} part of the {c}?", "do i get {l} with the {c}"),
}
CODE_WORDINGS = {
    "meaning": ("What does error {l} mean?", "I get {l}, what is that?", "why do I see {l} on the screen"),
    "action": ("What do I do about error {l}?", "it says {l}, how do I fix that?", "how do i get rid of {l}"),
}
PERSON_WORDINGS = {
    "email": ("What is {l}'s mail address?", "how can I reach {l} by mail"),
    "phone": ("What is {l}'s number?", "how do i call {l}", "which number does {l} have?"),
    "where": ("Where does {l} sit?", "where does {l} work"),
}
REVERSE_WORDINGS = {
    "role": ("Who is the {v}?", "who works as {v} here", "what's the name of our {v}?"),
    "topics": (
        "Who can I ask about {v}?",
        "who knows about {v}",
        "Who deals with {v}?",
        "problem with {v}, who do I talk to?",
    ),
    "deals": ("Who takes care of {v}?", "who do I go to with {v}", "who is there for {v}?"),
    "purpose": ("Which {k} do I use for {v}?", "what {k} is there for {v}", "Which {k} is right for {v}?"),
}


@dataclass(frozen=True, slots=True)
class Row:
    unit: Unit
    headers: tuple[str, ...]  # as they stand in the table
    names: tuple[str, ...]  # readable
    values: tuple[str, ...]
    key: int  # the column with the label

    @property
    def label(self) -> str:
        return self.values[self.key]

    @property
    def key_is_no_noun(self) -> bool:
        return bool(has_word("no noun in a header").search(self.names[self.key]))

    def kind(self, column: int) -> str:
        """The kind of a column as this row uses it; empty where there is no good way to ask for it."""
        name, value = self.names[column], self.values[column]
        if _ATTRIBUTES.fullmatch(self.names[self.key]):
            if has_word("no noun in a header").search(name):
                return ""
            return "attribute yes/no" if YES_NO.match(value) else "attribute"
        found = next((kind for kind, pattern in _KINDS if re.fullmatch(pattern, name, re.I)), "")
        if found == "allowed":
            return found
        if YES_NO.match(value) or (found in _TIMES and not _TIME_VALUE.search(value)):
            return ""
        if found == "price" and not _MONEY.search(value) and not re.fullmatch(r"\d[\d.,]*", value):
            return ""
        if (found == "phone" and not re.search(r"\d{3}", value)) or (found == "email" and "@" not in value):
            return ""
        if found:
            return found
        if name in word_list("no column of labels"):
            return ""
        return (
            ""
            if len(name.split()) > 3 or has_word("no noun in a header").search(name)
            else "money"
            if _MONEY.search(value)
            else "other"
        )

    def wordings(self, column: int) -> tuple[str, ...]:
        kind, key_name = self.kind(column), self.names[self.key]
        if _CODES.fullmatch(key_name):
            return CODE_WORDINGS.get(kind, ())
        if _PEOPLE.fullmatch(key_name) and kind in PERSON_WORDINGS:
            return PERSON_WORDINGS[kind]
        if (
            kind == "other"
            and sum(
                self.kind(i) == kind and bool(re.search(r"\d", self.values[i]))
                for i in range(len(self.names))
            )
            > 1
        ):
            return WORDINGS["matrix"]
        if kind == "price" and [self.kind(i) for i in range(len(self.names))].count("price") > 1:
            return WORDINGS["price column"]
        return WORDINGS.get(kind, ())


def parse(unit: Unit) -> Row | None:
    """None where the header is missing or does not fit."""
    headers, values = cells(unit.lead) if unit.lead else [], cells(unit.text)
    if len(headers) != len(values) or len(headers) < 2:
        return None
    names = [readable_header(name) for name in headers]
    labels = [
        i
        for i, name in enumerate(names)
        if name not in word_list("no column of labels") and re.search(r"[^\W\d]", values[i])
    ]
    key = labels[0] if labels else 0
    return (
        Row(unit, tuple(headers), tuple(names), tuple(values), key)
        if values[key] and not YES_NO.match(values[key])
        else None
    )


def readable_header(name: str) -> str:
    """`hotel_limit_eur_per_night` as `hotel limit per night`, `Price (€)` as `price`."""
    name = re.sub(r"\([^)]*\)", "", name.replace("_", " "))
    name = re.sub(r"\b(?:eur|usd|gbp|pct)\b|[€$£%]", "", name, flags=re.I)
    words = " ".join(name.split()).strip(" :,/").split()
    return " ".join(word if len(re.findall(r"[A-Z]", word)) > 1 else word.lower() for word in words)
