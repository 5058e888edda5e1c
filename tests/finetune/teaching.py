"""A small world that generating models learn in seconds: teams, each with facts, and questions about them.

Which team has which fact is drawn anew for every example, so that a model cannot know it by heart: it has to
find the team of the question among the passages, and copy what stands there, or decline.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from core.models.encoding import PromptEncoder, fit
from core.models.local import LocalModel
from core.prompts import NOT_COVERED, Asked
from core.types import Chunk, Hit
from finetune.generating_data import Example
from tests.tiny_models import PURPOSE, encoder_of, make_llama, make_t5, make_tokenizer, save

TEAMS = ("Amber", "Birch", "Cedar", "Delta", "Ember", "Fjord", "Grove", "Heron")
FACTS = {
    "budget": ("What is the budget of {team}?", "The {team} budget is {value} euros."),
    "room": ("Which room does {team} use?", "The {team} room is number {value}."),
}
VALUES = tuple(str(number) for number in range(20, 60, 4))
OFF_TOPIC = ("Who won the match?", "Tell me a joke.", "Is it raining in Rome?", "How do I bake bread?")


def sentence(team: str, fact: str, value: str) -> str:
    return FACTS[fact][1].format(team=team, value=value)


def question(team: str, fact: str) -> str:
    return FACTS[fact][0].format(team=team)


def hit(team: str, text: str) -> Hit:
    return Hit(Chunk(f"{team}-0", team, f"{team.lower()}.md", team, (), text, 0), 1.0)


def lesson(rng: random.Random, *, refuse: bool, passages: int = 2) -> tuple[Asked, str]:
    """A question about passages drawn at random, and what to answer."""
    shown = rng.sample(TEAMS, passages + 1)
    fact = rng.choice(list(FACTS))
    texts = [sentence(team, fact, value) for team, value in zip(shown, rng.sample(VALUES, passages + 1))]
    hits = tuple(hit(team, text) for team, text in zip(shown[:passages], texts))
    if refuse:
        asked = rng.choice(OFF_TOPIC) if rng.random() < 0.3 else question(shown[passages], fact)
        return Asked(asked, hits, (), PURPOSE), NOT_COVERED
    place = rng.randrange(passages)
    return Asked(question(shown[place], fact), hits, (), PURPOSE), f"{texts[place]} [{place + 1}]"


def lessons(count: int, seed: int, refusals: float = 0.35) -> list[tuple[Asked, str]]:
    rng = random.Random(seed)
    return [lesson(rng, refuse=rng.random() < refusals) for _ in range(count)]


def examples(encoder: PromptEncoder, given: list[tuple[Asked, str]]) -> list[Example]:
    return [
        Example(
            tuple(encoder.ids(asked)),
            tuple(encoder.completion_ids(answer)),
            "refusal" if answer == NOT_COVERED else "answer",
            answer,
        )
        for asked, answer in given
    ]


def untaught(folder: Path, *, encoder_decoder: bool = False, **shape: Any) -> Path:
    """A model of random weights that knows the words of this world."""
    texts = [
        *(sentence(team, fact, value) for team in TEAMS for fact in FACTS for value in VALUES),
        *(question(team, fact) for team in TEAMS for fact in FACTS for _ in range(9)),
        *OFF_TOPIC * 9,
    ]
    bare = make_tokenizer(texts, encoder_decoder=encoder_decoder)
    model = (make_t5 if encoder_decoder else make_llama)(bare)
    encoder = encoder_of(model, bare)
    texts += [encoder.text(asked) + " " + answer for asked, answer in lessons(200, 0)]
    tokenizer = make_tokenizer(texts, encoder_decoder=encoder_decoder)
    model = (make_t5 if encoder_decoder else make_llama)(tokenizer)
    return save(model, tokenizer, folder)
