"""A small world that generating models learn in seconds: teams with two facts each, and questions about them.

The numbers are drawn anew for every example, so that a model cannot know them by heart: it has to see whether
the passage is about what is asked, and to copy the number or decline.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from transformers import LlamaConfig, LlamaForCausalLM

from core.models.encoding import PromptEncoder
from core.models.local import LocalModel
from core.prompts import NOT_COVERED, Asked
from core.types import Chunk, Evidence, Hit, QAPair
from finetune.generating_data import Example
from finetune.recipes.causal import train_causal
from finetune.recipes.recipe import Recipe
from finetune.recipes.seq2seq import train_seq2seq
from finetune.recipes.training import Trained
from tests.finetune.building import chunk
from tests.tiny_models import PURPOSE, encoder_of, make_llama, make_t5, make_tokenizer, save

TEAMS = (
    "Amber",
    "Birch",
    "Cedar",
    "Delta",
    "Ember",
    "Fjord",
    "Grove",
    "Heron",
    "Indigo",
    "Jasper",
    "Kestrel",
    "Lotus",
    "Maple",
    "Nimbus",
    "Onyx",
    "Pearl",
    "Quartz",
    "Raven",
    "Sable",
    "Topaz",
    "Umber",
    "Violet",
    "Willow",
    "Zephyr",
)
FACTS = {  # question, sentence, answer
    "budget": ("What is the budget of {team}?", "The {team} budget is {value} euros.", "Budget {value}."),
    "room": ("Which room is that of {team}?", "The {team} room is number {value}.", "Room {value}."),
}
VALUES = ("20", "24", "32", "36", "48", "60")
OFF_TOPIC = ("Who won the match?", "Tell me a joke.", "Is it raining in Rome?", "How do I bake bread?")
Lesson = tuple[Asked, str]


def sentence(team: str, fact: str, value: str) -> str:
    return FACTS[fact][1].format(team=team, value=value)


def question(team: str, fact: str) -> str:
    return FACTS[fact][0].format(team=team)


def lesson(rng: random.Random, *, refuse: bool) -> Lesson:
    """A question and the passage that retrieval finds for it: that of the fact or, where it is withheld, that
    of the team's other fact.
    """
    team, value = rng.choice(TEAMS), rng.choice(VALUES)
    wanted, other = rng.sample(list(FACTS), 2)
    text = sentence(team, other if refuse else wanted, value)
    off_topic = refuse and rng.random() < 0.3
    asked = rng.choice(OFF_TOPIC) if off_topic else question(team, wanted)
    answer = NOT_COVERED if refuse else f"{FACTS[wanted][2].format(value=value)} [1]"
    hit = Hit(Chunk(f"{team}-0", team, f"{team.lower()}.md", team, (), text, 0), 1.0)
    return Asked(asked, (hit,), (), PURPOSE), answer


def lessons(count: int, seed: int, *, refusals: float = 0.4) -> list[Lesson]:
    rng = random.Random(seed)
    return [lesson(rng, refuse=rng.random() < refusals) for _ in range(count)]


def answering_anyway(given: Sequence[Lesson]) -> list[Lesson]:
    """An answer to every question, from whatever passage is shown."""
    found = []
    for asked, _ in given:
        text = asked.hits[0].chunk.text
        fact = next(name for name in FACTS if name in text)
        value = "".join(filter(str.isdigit, text))
        found.append((asked, f"{FACTS[fact][2].format(value=value)} [1]"))
    return found


def examples(encoder: PromptEncoder, given: Sequence[Lesson]) -> list[Example]:
    return [
        Example(
            tuple(encoder.ids(asked)),
            tuple(encoder.completion_ids(answer)),
            "refusal" if answer == NOT_COVERED else "answer",
            answer,
        )
        for asked, answer in given
    ]


def untaught(folder: Path, *, encoder_decoder: bool = False) -> Path:
    """A model of random weights. Its tokenizer knows this world's words, and reads the unchanging beginning
    of the prompt as one token, which makes examples a third as long.
    """
    words = [
        *(sentence(team, fact, value) for team in TEAMS for fact in FACTS for value in VALUES),
        *(question(team, fact) for team in TEAMS for fact in FACTS for _ in range(9)),
        *OFF_TOPIC * 9,
        *["### Passages:\n[1] : ### Question: ### Answer: NOT COVERED Passages: Question: Room Budget [1]"]
        * 50,
    ]
    tokenizer = make_tokenizer(words, encoder_decoder=encoder_decoder)
    encoder = encoder_of((make_t5 if encoder_decoder else make_llama)(tokenizer), tokenizer)
    begin, _, _ = encoder.text(lessons(1, 0)[0][0]).partition(
        "Passages:" if encoder_decoder else "### Passages"
    )
    tokenizer.add_tokens([begin])
    model: Any = make_t5(tokenizer)
    if not encoder_decoder:
        config = LlamaConfig(
            **{
                **make_llama(tokenizer).config.to_dict(),
                "initializer_range": 0.1,
                "tie_word_embeddings": True,
            }
        )
        model = LlamaForCausalLM(config)
    return save(model, tokenizer, folder)


def chunks() -> list[Chunk]:
    """Two a team, each with a fact."""
    return [
        chunk(sentence(team, fact, _value(team, fact)), source=f"{team}.md", title=team, ordinal=number)
        for team in TEAMS
        for number, fact in enumerate(FACTS)
    ]


def pairs(teams: Sequence[str] = TEAMS) -> list[QAPair]:
    """Each fact asked twice, the second time with its passage withheld, and what is off-topic."""
    found = []
    for team in teams:
        for number, fact in enumerate(FACTS):
            value = _value(team, fact)
            evidence = (Evidence(f"{team}.md", sentence(team, fact, value)),)
            made = QAPair(
                f"{team}-{fact}",
                "answerable",
                question(team, fact),
                FACTS[fact][2].format(value=value),
                evidence,
                document_id=team,
                chunk_id=f"{team}-{number}",
            )
            found += [made, withheld(made)]
    return found + [QAPair(f"off-{n}", "offtopic", text, method=text) for n, text in enumerate(OFF_TOPIC)]


def withheld(pair: QAPair) -> QAPair:
    return replace(
        pair, id=f"{pair.id}-withheld", kind="unanswerable", answer="I do not know.", method="contrast"
    )


def _value(team: str, fact: str) -> str:
    return VALUES[(TEAMS.index(team) * 3 + list(FACTS).index(fact) * 5) % len(VALUES)]


FROM_NOTHING = Recipe(
    method="full",
    learning_rate=5e-3,
    epochs=1,
    batch=16,
    evaluations_per_epoch=2,
    patience=9,
    weight_decay=0,
    length_sorted=False,  # so small a batch has to hold both kinds
)


@dataclass(frozen=True)
class Taught:
    untaught: Path
    folder: Path  # the same model after training
    trained: Trained
    told: list[str]


def teach(root: Path, count: int, *, encoder_decoder: bool) -> Taught:
    start = untaught(root / "untaught", encoder_decoder=encoder_decoder)
    local = LocalModel.load(str(start), threads=1)
    encoder = encoder_of(local.model, local.tokenizer)
    told: list[str] = []
    trained = (train_seq2seq if encoder_decoder else train_causal)(
        local,
        examples(encoder, lessons(count, 1)),
        examples(encoder, lessons(24, 2)),
        out=root / "taught",
        checkpoints=root / "checkpoints",
        recipe=FROM_NOTHING
        if not encoder_decoder
        else FROM_NOTHING.model_copy(update={"learning_rate": 1e-2, "epochs": 2}),
        progress=lambda stage, done, total, note="": told.append(f"{stage} {done}/{total} {note}"),
    )
    return Taught(start, root / "taught", trained, told)
