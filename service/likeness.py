"""Whether two questions ask the same. Conservative: a wrong yes is a wrong answer, a wrong no costs a moment.

Vectors of opposites are as alike as those of paraphrases ("with" and "without" a doctor's note: .98), so
likeness alone decides nothing. Two questions agree where, after phrases and synonyms are put into one
(`service.paraphrase`), the same words stand in the same order, but for words that carry nothing here.
Numbers, names, codes, negations and unknown words are words like others, so they must agree too; so must
the kind of question, its modality, its tense and who acts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from service.paraphrase import base_form, folded, rephrased

_TOKEN = re.compile(r"(?<![\w.])[-+]\d(?:[\w.,]*\w)?|\w+(?:[.,:]\w+)*[+#]*|[^\w\s.,;:!?\"'()\[\]-]")
_SENTENCE_START = re.compile(r"(?:^|[.!?:]\s+|\n)\W*$")
_PREPOSITIONS = {"in", "on", "at", "for", "of", "to", "as"}
_PLACES = {"in", "on", "at"}
_CARRIES_NOTHING = {
    "a", "an", "the", "and", "is", "are", "am", "be", "do", "does", "there", "my", "our", "your", "so",
    "just", "actually", "exactly", "about", "regarding", "concerning", "would",
}  # fmt: skip
_ACTORS = {"i": "i", "we": "i", "you": "you"}
_CAN = {"can", "could", "may", "might"}
_MUST = {"must", "need", "required", "mandatory", "necessary"}
_SHOULD = {"should", "shall", "ought"}
_PAST = {"was", "were", "did", "had", "been"}
_AUXILIARY = {"is", "are", "am", "do", "does"}
_ASKS = {"how", "when", "where", "who", "whom", "whose", "which", "what", "why"}
_MEASURES = {
    "many",
    "much",
    "long",
    "often",
    "far",
    "old",
    "soon",
    "early",
    "late",
    "big",
    "large",
    "high",
    "fast",
}
_SPANS = {"minute", "hour", "day", "week", "fortnight", "month", "quarter", "year"}
_EITHER_WAY = {"how", "when", "where", "how many", "how much", "how long", "how often"}


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    preposition: str = ""  # right before it, articles aside


@dataclass(frozen=True, slots=True)
class Sense:
    """What must agree of two questions."""

    kinds: tuple[str, ...]  # who, when, how many, ...; can, must, is of a question for yes or no
    modality: frozenset[str]
    past: bool
    actors: tuple[str, ...]  # i, who is also we, and you
    words: tuple[Word, ...]

    def agrees(self, other: Sense) -> bool:
        if (self.kinds, self.modality, self.past) != (other.kinds, other.modality, other.past):
            return False
        if self.actors != other.actors and not self._leaves_out_the_asker(other):
            return False
        return bool(self.words) and (
            _same(self.words, other.words)
            or _moved(self.words, other.words)
            or _moved(other.words, self.words)
        )

    def _leaves_out_the_asker(self, other: Sense) -> bool:
        """True of "how many sick days are paid" beside "how many paid sick days do I get"."""
        return {self.actors, other.actors} == {(), ("i",)} and set(self.kinds) <= _EITHER_WAY


def sense_of(question: str) -> Sense:
    tokens = _tokens(question)
    kinds, rest = _kinds(tokens)
    modality = frozenset(
        name
        for name, verbs in (("can", _CAN), ("must", _MUST), ("should", _SHOULD))
        if not verbs.isdisjoint(tokens)
    )
    if kinds and set(kinds) <= {"how", "where"}:
        modality -= {"can"}  # "where can I park" is "where do I park"
    if not kinds:
        kinds = _yes_or_no(tokens, modality)
    past = not _PAST.isdisjoint(tokens)
    actors = tuple(dict.fromkeys(_ACTORS[token] for token in tokens if token in _ACTORS))
    return Sense(kinds, modality, past, actors, tuple(_words(rest)))


def _tokens(question: str) -> list[str]:
    """In small letters and base form; a name that looks like a word that carries nothing ends in `_`."""
    text = rephrased(_mark_names(folded(question)).casefold())
    return [base_form(token) for token in _TOKEN.findall(text)]


def _mark_names(text: str) -> str:
    """`IT` and, within a sentence, `May` are names, `it` and `may` are not."""
    shouted = not any(letter.islower() for letter in text)

    def mark(match: re.Match[str]) -> str:
        word = match.group()
        capital = word[0].isupper() and word != "I" and not shouted
        is_name = capital and (
            (len(word) > 1 and word.isupper()) or not _SENTENCE_START.search(text[: match.start()])
        )
        return f"{word}_" if is_name and word.casefold() in _LOOKS_LIKE_NOTHING else word

    return re.sub(r"[^\W\d_]+", mark, text)


_LOOKS_LIKE_NOTHING = _CARRIES_NOTHING.union(
    _PREPOSITIONS, _ACTORS, _CAN, _MUST, _SHOULD, _PAST, _ASKS, {"will", "us", "me", "it", "or", "no"}
)


def _kinds(tokens: list[str]) -> tuple[tuple[str, ...], list[str]]:
    """The question words, and the tokens without them."""
    kinds, rest, place = [], [], 0
    while place < len(tokens):
        token = tokens[place]
        following = tokens[place + 1] if place + 1 < len(tokens) else ""
        if token == "how" and following in _MEASURES:
            kinds.append(f"how {following}")
            place += 1
        elif token in _ASKS:
            kinds.append({"whom": "who", "which": "what"}.get(token, token))
        else:
            rest.append(token)
        place += 1
    return tuple(kinds), rest


def _yes_or_no(tokens: list[str], modality: frozenset[str]) -> tuple[str, ...]:
    if modality:
        return tuple(sorted(modality))
    return ("is",) if not (_AUXILIARY | _PAST | {"will"}).isdisjoint(tokens[:1]) else ()


def _words(tokens: list[str]) -> list[Word]:
    words, preposition = [], ""
    silent = _CARRIES_NOTHING | _ACTORS.keys() | _CAN | _MUST | _SHOULD | _PAST
    for token in tokens:
        if token in _PREPOSITIONS:
            preposition = token
        elif token not in silent:
            words.append(Word(token, preposition))
            preposition = ""
    if preposition:  # at the end: "who do I report to" is not "who do I report"
        words.append(Word(preposition))
    return words


def _same(one: tuple[Word, ...], other: tuple[Word, ...]) -> bool:
    return len(one) == len(other) and all(map(_alike, one, other))


def _alike(one: Word, other: Word) -> bool:
    if one.text != other.text:
        return False
    if one.preposition == other.preposition:
        return True
    if {one.preposition, other.preposition} <= _PLACES and not one.text[0].isdigit():
        return True
    if one.text in _SPANS or any(character.isdigit() for character in one.text):
        return False  # "in 2 weeks" is not "2 weeks", nor "in a month" "a month"
    return not (one.preposition and other.preposition)


def _moved(one: tuple[Word, ...], other: tuple[Word, ...]) -> bool:
    """True where the end of `one` stands in front in `other`: "... in Germany", "In Germany, ..."."""
    for cut in range(1, len(one)):
        moved = one[cut:]
        if (
            moved[0].preposition in {"in", "on", "at", "for", "as"}
            and other[0].preposition == moved[0].preposition
            and _same(moved + one[:cut], other)
        ):
            return True
    return False
