"""A corpus of invented documents, and a recipe that learns it in a second."""

from __future__ import annotations

import json
import lzma
import random
from pathlib import Path

from finetune.pretraining.recipe import CorpusRecipe, ModelRecipe, ShapeRecipe, StepsRecipe, TuningRecipe

_THINGS = ("printer", "gateway", "badge", "forklift", "invoice", "canteen", "laptop", "parking space")
_PLACES = ("the north hall", "the second floor", "the workshop", "building 7", "the archive")
_PEOPLE = ("The help desk", "The site manager", "Every visitor", "The night shift", "Your team lead")


def write_corpus(folder: Path, documents: int = 160) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(5)
    with lzma.open(folder / "invented.jsonl.xz", "wt", encoding="utf-8") as lines:
        for number in range(documents):
            lines.write(json.dumps({"path": f"docs/{number}.md", "text": _text(rng)}) + "\n")
    return folder


def _text(rng: random.Random) -> str:
    parts = []
    for thing in rng.sample(_THINGS, 2):
        parts.append(f"## The {thing}\n")
        for _ in range(4):
            who, place, days = rng.choice(_PEOPLE), rng.choice(_PLACES), rng.randint(2, 90)
            parts.append(f"{who} checks the {thing} in {place} every {days} days before the shift begins.\n")
    return "\n".join(parts)


def tiny_recipe(tokens: int = 6_000, tuning: TuningRecipe | None = None, **steps: object) -> ModelRecipe:
    return ModelRecipe(
        tuning=tuning or TuningRecipe(),
        corpus=CorpusRecipe(vocabulary=500, held_out_share=0.1, tokenizer_share=1.0),
        shape=ShapeRecipe(hidden=32, intermediate=64, layers=2, heads=2, key_value_heads=2, context=4096),
        pretraining=StepsRecipe(
            **{"window": 64, "batch": 4, "micro_batch": 2, "tokens": tokens, "warm_up": 4, "every": 8}
            | {"measured_rows": 4, "learning_rate": 1e-2}
            | steps
        ),
    )


def tiny_yaml(file: Path, **steps: object) -> Path:
    import yaml

    file.write_text(yaml.safe_dump(json.loads(tiny_recipe(**steps).model_dump_json())), encoding="utf-8")
    return file


def write_nqg(file: Path, articles: int = 3) -> Path:
    """Two questions a sentence, lower-cased as that file is."""
    rng = random.Random(6)
    rows = []
    for line in range(150 * articles):
        thing, who = _THINGS[line // 2 % len(_THINGS)], _PEOPLE[line // 16 % len(_PEOPLE)]
        days = 2 + line // 2
        question = f"{'how often' if line % 2 else 'when'} is the old {thing} of hall {days} checked ?"
        sentence = f"{who} checks the old {thing} of hall {days} every {rng.randint(2, 9)} days ."
        rows.append({"question": question, "sentence": sentence.lower(), "part": "dev", "line": line})
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return file


def write_xquad(file: Path) -> Path:
    """Two paragraphs of one article, two questions each."""
    paragraphs = []
    for thing in ("badge", "forklift"):
        context = f"The old {thing} is blue. It was made in {len(thing) + 1990}. Nobody paints it."
        asked = {f"What colour is the {thing}?": "blue", "When was it made?": f"{len(thing) + 1990}"}
        qas = [
            {"question": question, "answers": [{"text": text, "answer_start": context.index(text)}]}
            for question, text in asked.items()
        ]
        paragraphs.append({"context": context, "qas": qas})
    told = {"data": [{"title": "Old_things", "paragraphs": paragraphs}]}
    file.write_text(json.dumps(told), encoding="utf-8")
    return file
