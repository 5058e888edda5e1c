"""What a maker of questions gets, what it gives, and what a section is about in everyday words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property

from core.types import Chunk
from core.units import Unit, plain, split_units
from finetune.questions.lexicon import first_person, gerunds, starts_with
from finetune.similarity import word_list

_NUMBERING = re.compile(
    r"^(?:(?:chapter|section|part|step|appendix|article|§)\s*)?(?:\d+(?:\.\d+)*[.):]?|[IVX]+[.)]|[A-Z][.)])\s+",
    re.IGNORECASE,
)
_SUFFIX = re.compile(
    r"\s+(?:policy|policies|guide|handbook|overview|runbook|manual|procedures?|guidelines|process|faqs?|rules|"
    r"page|instructions|playbook|charter|\d{4})$",
    re.IGNORECASE,
)
_AFTER_A_VERB = re.compile(r"(?:an?|the|my|your|for|in|with|from|to|at|on|out|up|over)\b")
_BOILERPLATE = re.compile(
    r"(?:owner|author|last (?:reviewed|updated|changed|modified)|version|status|applies to|valid from)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A question before the filters. `evidence`: verbatim units; `keywords`: what a right answer says."""

    question: str
    answer: str
    evidence: tuple[str, ...]
    method: str
    keywords: tuple[str, ...] = ()
    human: bool = False  # a person wrote the question, so that it may use the words of the evidence
    placed: bool = False  # it names the subject of its section already


@dataclass(frozen=True, slots=True)
class Topic:
    """What a section is about: `parental leave`; as something to do, where it is that: `carry days over`."""

    noun: str
    verb: str = ""


@dataclass(frozen=True)
class Passage:
    chunk: Chunk
    units: tuple[Unit, ...] = field(default=())

    @classmethod
    def of(cls, chunk: Chunk) -> Passage:
        units = [
            unit for unit in split_units(chunk.text) if unit.kind != "code" and not _is_boilerplate(unit)
        ]
        return cls(chunk, tuple(units))

    @cached_property
    def names(self) -> frozenset[str]:
        """Words that stand capitalised in the middle of a sentence: names, which keep their capital."""
        prose = " ".join(unit.readable() for unit in self.units if unit.kind != "row")
        return frozenset(re.findall(r"(?<=[a-z,] )[A-Z][\w-]+", prose))

    def section(self, unit: Unit) -> str:
        """The nearest heading."""
        return unit.heading or (self.chunk.headings[-1] if self.chunk.headings else self.chunk.title)

    def siblings(self, unit: Unit) -> list[Unit]:
        """The units of the same section, itself among them."""
        return [other for other in self.units if other.heading == unit.heading]

    def topic(self, unit: Unit, *, outer: bool = False) -> Topic | None:
        """The innermost heading that names a subject; with `outer` one above the unit's own section."""
        path: list[str] = [self.chunk.title, *self.chunk.headings, *([unit.heading] if unit.heading else [])]
        for name in list(reversed(path))[1 if outer else 0 :]:
            if topic := self.as_topic(name):
                return topic
        return None

    def as_topic(self, heading: str) -> Topic | None:
        """None where the heading is generic, a question, or too long for a phrase."""
        name = _subject_of(heading)
        words = name.split()
        if not 1 <= len(words) <= 5 or name.endswith("?") or name.lower() in _generic():
            return None
        if starts_with("no subject of a section").match(name) or re.search(r",|\b(?:us|you|it)$", name):
            return None
        if not re.search(r"[a-z]{3}", name.lower()) or re.search(r"[`/\\<>{}=_]|\d{3}|\d\.\d", name):
            return None
        phrase = self.everyday(name)
        return Topic(phrase, _verb_phrase(phrase))

    def everyday(self, phrase: str) -> str:
        """In lower case but for names and abbreviations, without a leading article."""
        if phrase.isupper() and len(phrase) > 5:
            phrase = phrase.lower()
        kept = [word if _keeps_capital(word, self.names) else word.lower() for word in phrase.split()]
        return re.sub(r"^(?:the|our|your|a|an)\s+", "", " ".join(kept))


def _keeps_capital(word: str, names: frozenset[str]) -> bool:
    bare = word.strip(".,;:()\"'’")
    return bare in names or len(re.findall(r"[A-Z0-9]", bare)) > 1 or bare in word_list("always capital")


def _subject_of(heading: str) -> str:
    """`4.2 The leave policy (draft)` as `leave`; a question keeps its mark."""
    name = _NUMBERING.sub("", plain(heading)).strip()
    name = re.sub(r"^(?:the|our|your|an?)\s+|\s*\([^)]*\)", "", name, flags=re.IGNORECASE)
    name = re.split(r"\s+[–—-]\s+|:\s", name)[0].strip(" :.–—-!")
    shorter = _SUFFIX.sub("", _SUFFIX.sub("", name))
    return shorter if shorter.lower() not in _generic() and len(shorter) > 3 else name


@cache
def _generic() -> frozenset[str]:
    return frozenset(word_list("generic headings"))


def _verb_phrase(phrase: str) -> str:
    """`carrying days over` as `carry days over`; empty where the phrase starts with no known gerund."""
    first, _, rest = phrase.partition(" ")
    verb = gerunds().get(first, "")
    if first in word_list("gerunds before nouns") and not _AFTER_A_VERB.match(rest):
        return ""
    return "" if not verb or re.search(r"\b(?:and|or)\b", rest) else f"{verb} {first_person(rest)}".strip()


def _is_boilerplate(unit: Unit) -> bool:
    text = unit.readable()
    words = text.split()
    if unit.kind != "row" and len(words) < 3:
        return True
    return bool(_BOILERPLATE.match(text))


def one_line(texts: Sequence[str]) -> str:
    return " ".join(" ".join(text.split()) for text in texts)
