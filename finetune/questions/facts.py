"""Sentences with an amount, a time, a person or a place, asked for by what their section is about.

The question takes its words from the heading and the kind of fact, not from the sentence, so that finding the
sentence needs more than shared words. A fact is only asked for where its section has one of the kind.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from core.units import Unit
from finetune.questions.fact_kinds import FACTS, Fact
from finetune.questions.lexicon import gerunds, imperatives
from finetune.questions.passage import Candidate, Passage, Topic
from finetune.similarity import content_words

METHOD = "fact"
_TO_THE_READER = re.compile(
    r"^(?:\w+ [\w ]{1,25}, )?(?:you|we|it|they|this|these|everyone|everybody|employees|staff|up to|at least|"
    r"at most)\b",
    re.I,
)


def questions(passage: Passage, rng: random.Random) -> Iterator[Candidate]:
    for unit in passage.units:
        topic = passage.topic(unit)
        if unit.kind == "row" or topic is None or len(unit.text.split()) < 5 or not is_about(unit, topic):
            continue
        doing = topic.noun.split()[0] in gerunds() and len(topic.verb.split()) < 2
        named = content_words(topic.noun) <= content_words(unit.readable())
        for fact in FACTS:
            key = find(fact, unit) if not fact.strict or (named and not doing) else ""
            if key and not any(find(fact, other) for other in passage.siblings(unit) if other is not unit):
                keywords = (key,) if len(key.split()) <= 6 and re.search(r"\d|@", key) else ()
                yield Candidate(
                    _wording(fact, topic, key, rng), unit.readable(), (unit.text,), METHOD, keywords
                )
                break


def is_about(unit: Unit, topic: Topic) -> bool:
    """True where the sentence speaks of its section's subject, or to the reader."""
    text = unit.readable()
    common = " ".join(word for word in topic.noun.split() if word.islower()) or topic.noun
    if content_words(text) & content_words(common) or _TO_THE_READER.match(text):
        return True
    return text.split()[0].lower() in imperatives()


def find(fact: Fact, unit: Unit) -> str:
    """The fact as it stands in the unit; empty where it does not."""
    text = unit.readable()
    match = fact.pattern.search(text)
    if not match or not fact.cue.search(text):
        return ""
    return str(match.groupdict().get("key") or match.group())


def _wording(fact: Fact, topic: Topic, key: str, rng: random.Random) -> str:
    counted = key.split()[-1]
    if fact.doing and len(topic.verb.split()) > 1:
        return rng.choice(fact.doing).format(v=topic.verb, u=counted)
    return rng.choice(fact.about).format(t=topic.noun, u=counted)
