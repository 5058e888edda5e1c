"""A pretrained model -> one that answers from passages: full tuning on prompts as they are served."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from core.models.encoding import PromptEncoder, prompt_of
from core.models.local import LocalModel
from core.progress import Progress, silent
from finetune.generating_data import Example
from finetune.pretraining.casing import Casing
from finetune.pretraining.corpus import documents, share_of
from finetune.pretraining.items import Item, documentation_items, nqg_items, practice_items
from finetune.pretraining.lessons import LessonMaker, bank_questions
from finetune.pretraining.log import read_log
from finetune.pretraining.recipe import ModelRecipe, Task, TuningRecipe
from finetune.recipes.causal import train_causal
from finetune.recipes.recipe import Recipe
from finetune.recipes.training import Trained, last_checkpoint

_PACE = 0.5  # measured, of pretraining's tokens a second: examples are padded, and checkpoints written by
_JUDGED: tuple[Task, ...] = ("answered", "withheld", "off_topic")

Items = dict[str, list[Item]]  # by source


@dataclass(frozen=True, slots=True)
class Lessons:
    learned: list[Example]
    judged: list[Example]  # of articles, documents, a handbook and topics that none was learned from


def items_of(recipe: ModelRecipe, corpus: Path, nqg: Path, progress: Progress = silent) -> Items:
    """Every question by its source, those that are held out among them. Raises InvalidInputError."""
    found = list(documents(corpus, recipe.corpus))
    seed = recipe.tuning.seed
    casing = Casing.of(document.text for document in found if not document.held_out)
    found.sort(key=lambda document: share_of(f"{seed} {document.path}"))
    progress("collect questions", 0, 3)
    sources = {"encyclopedia": nqg_items(nqg, casing, seed)}
    progress("collect questions", 1, 3)
    sources["documentation"] = documentation_items(found[: recipe.tuning.documents], seed)
    progress("collect questions", 2, 3)
    sources["practice"] = practice_items()
    progress("collect questions", 3, 3)
    return sources


def lessons_of(recipe: TuningRecipe, items: Items, encoder: PromptEncoder, tokens: int) -> Lessons:
    """`tokens` to learn from in all."""

    def maker(told: TuningRecipe, *, held_out: bool) -> LessonMaker:
        kept = {name: [item for item in found if item.held_out == held_out] for name, found in items.items()}
        return LessonMaker(kept, encoder, told, bank_questions(held_out=held_out), recipe.seed)

    judged_shares = {task: share for task, share in recipe.shares.items() if task in _JUDGED}
    judging = maker(recipe.model_copy(update={"shares": judged_shares}), held_out=True)
    return Lessons(
        list(_until(tokens, maker(recipe, held_out=False).make())),
        list(islice(judging.make(), recipe.measured_on)),
    )


def _until(tokens: int, examples: Iterator[Example]) -> Iterator[Example]:
    """The first ones, until they hold so many tokens."""
    held = 0
    while held < tokens:
        example = next(examples)
        held += example.length
        yield example


def tokens_for(recipe: TuningRecipe, minutes: float, pretraining_log: Path) -> int:
    """Those of the recipe, or what fits into the minutes by the pace of pretraining."""
    if recipe.tokens or minutes <= 0:
        return recipe.tokens
    pace: float = read_log(pretraining_log)[-1]["tokens_per_second"]
    return round(minutes * 60 * pace * _PACE)


def _history(out: Path) -> list[dict[str, Any]]:
    """Losses and measurements in their order, as the trainer wrote them down."""
    checkpoint = last_checkpoint(out / "tuning")
    if checkpoint is None:
        return []
    state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    history: list[dict[str, Any]] = state["log_history"]
    return history


def tune(
    recipe: ModelRecipe, items: Items, out: Path, *, tokens: int, progress: Progress = silent
) -> Trained:
    """Tunes `out/pretrained` into `out/tuned`, both in float32, and tells how in `out/tuning.json`."""
    local = LocalModel.load(str(out / "pretrained"))
    prompt = prompt_of("auto", 0, local.tokenizer, encoder_decoder=False)
    encoder = PromptEncoder(local.tokenizer, prompt, False)
    settings = recipe.tuning
    lessons = lessons_of(settings, items, encoder, tokens)
    trained = train_causal(
        local,
        lessons.learned,
        lessons.judged,
        out=out / "tuned",
        checkpoints=out / "tuning",
        recipe=Recipe(
            method="full",
            learning_rate=settings.learning_rate,
            epochs=1,
            batch=settings.batch,
            micro_tokens=settings.micro_tokens,
            max_tokens=settings.max_tokens,
            evaluations_per_epoch=settings.evaluations,
            measured_on=settings.measured_on,
            seed=settings.seed,
        ),
        progress=progress,
    )
    told = {"examples": len(lessons.learned), "tokens": tokens, **trained.to_json(), "log": _history(out)}
    (out / "tuning.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return trained
