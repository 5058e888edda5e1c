"""Acronyms that the documents explain: `paid time off (PTO)`, `PTO (paid time off)`, `PTO: Paid time off`.

A question then finds both: who writes "PTO" finds passages on "paid time off", and the other way round. Only
initials count (the strict half of Schwartz and Hearst, PSB 2003): a wrong expansion costs more than none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

_SHORT = r"[A-Z][A-Za-z&]{0,6}[A-Z]"
_IN_BRACKETS = re.compile(rf"\(({_SHORT})s?\)")
_EXPLAINED = re.compile(
    rf"\b({_SHORT})s?(?: ?\(|:? ?[|:=–—-] ?| (?:stands for|is short for|means) (?:the )?)"
)
_REACH = 100  # characters beside an acronym in which its words stand
_PHRASE = re.compile(r"[^\W\d_]+(?:[-'’&/ ]{1,3}[^\W\d_]+)*")
_WORD = re.compile(r"[^\W\d_]+")
_TOKEN = re.compile(r"[^\W\d_]+(?:&[^\W\d_]+)*")
_SMALL = frozenset(["a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"])
_FORMS = 2  # explanations of one acronym that a question is expanded by


def explained(text: str) -> list[tuple[str, str]]:
    """Each (acronym, its words in lower case) that the text explains.

    >>> explained("We offer paid time off (PTO). DRI: Directly Responsible Individual")
    [('PTO', 'paid time off'), ('DRI', 'directly responsible individual')]
    """
    found = []
    for match in _IN_BRACKETS.finditer(text):
        *_, before = _PHRASE.findall(text, max(0, match.start() - _REACH), match.start()) or [""]
        found.append((match[1], _last_words(before, match[1])))
    for match in _EXPLAINED.finditer(text):
        after = _PHRASE.match(text, match.end(), match.end() + _REACH)
        found.append((match[1], _first_words(after[0] if after else "", match[1])))
    return [(short, words) for short, words in found if " " in words]


def _last_words(text: str, short: str) -> str:
    """The words at the end of the text whose initials are the acronym, or nothing."""
    words = [word.lower() for word in _WORD.findall(text)]
    at = len(words)
    for letter in reversed(_letters(short)):
        at -= 1
        while at >= 0 and words[at] in _SMALL and words[at][0] != letter:
            at -= 1
        if at < 0 or words[at][0] != letter:
            return ""
    return " ".join(words[at:])


def _first_words(text: str, short: str) -> str:
    """The words at the beginning of the text whose initials are the acronym, or nothing."""
    words = [word.lower() for word in _WORD.findall(text)]
    at = 0
    for letter in _letters(short):
        while at < len(words) and at and words[at] in _SMALL and words[at][0] != letter:
            at += 1
        if at == len(words) or words[at][0] != letter:
            return ""
        at += 1
    return " ".join(words[:at])


def _letters(short: str) -> str:
    return "".join(letter for letter in short.lower() if letter.isalpha())


@dataclass(frozen=True, slots=True)
class Acronyms:
    """`long_forms`: acronym -> its explanations in lower case, the most frequent first."""

    long_forms: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, explanations: Iterable[tuple[str, str]]) -> Acronyms:
        """Of all that the documents explain; a plural is no explanation of its own."""
        counts: dict[str, dict[str, Counter[str]]] = {}
        for short, words in explanations:
            counts.setdefault(short, {}).setdefault(words.removesuffix("s"), Counter())[words] += 1
        long_forms = {}
        for short, forms in sorted(counts.items()):
            frequent = sorted(forms.values(), key=lambda form: (-form.total(), min(form)))
            long_forms[short] = tuple(min(form, key=lambda w: (-form[w], w)) for form in frequent)
        return cls(long_forms)

    def added_to(self, question: str, is_word: Callable[[str], bool]) -> str:
        """The question with what its acronyms stand for, and the acronyms of what it spells out, in brackets.

        `is_word` knows the words of the language: "it" is an acronym only where it is written as one.

        >>> Acronyms({"PTO": ("paid time off",)}).added_to("How much pto do I get?", lambda word: False)
        'How much pto (paid time off) do I get?'
        """
        if not self.long_forms:
            return question
        said = f" {' '.join(_WORD.findall(question.lower()))} "
        names = {short.lower(): short for short in self.long_forms}

        def spell_out(match: re.Match[str]) -> str:
            written = match[0]
            known = next(
                (
                    names[name]
                    for name in (written.lower(), written.lower().removesuffix("s"))
                    if name in names and (written.startswith(names[name]) or not is_word(written.lower()))
                ),
                "",
            )
            missing = [words for words in self.long_forms.get(known, ())[:_FORMS] if not _says(said, words)]
            return f"{written} ({', '.join(missing)})" if missing else written

        expanded = _TOKEN.sub(spell_out, question)
        for short, forms in self.long_forms.items():
            spelt = next((words for words in forms if _says(said, words)), None)
            if spelt is not None and f" {short.lower()} " not in said:
                pattern = r"[^\w]+".join(spelt.removesuffix("s").split())
                expanded = re.sub(rf"(?i)\b{pattern}s?\b", rf"\g<0> ({short})", expanded, count=1)
        return expanded


def _says(said: str, words: str) -> bool:
    """Whether the folded question holds the words, in singular or plural."""
    stem = words.removesuffix("s")
    return f" {stem} " in said or f" {stem}s " in said
