"""Recipes of generating models, for real: tiny models that start from random weights and learn to answer from
a passage or to decline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidInputError
from core.interfaces import Decoding, Draft
from core.models.generators import LocalGenerator, load_local
from core.models.local import LocalModel
from core.prompts import NOT_COVERED
from core.reading import read
from finetune.generating_data import Example
from finetune.recipes import training
from finetune.recipes.causal import train_causal
from finetune.recipes.plan import check_ends, trained_share
from finetune.recipes.recipe import Recipe
from finetune.recipes.sampling import LengthSorted
from finetune.recipes.seq2seq import train_seq2seq
from finetune.recipes.training import Trained
from tests.fakes import FakeReranker
from tests.finetune.teaching import Lesson, credulous, examples, lessons, untaught
from tests.tiny_models import encoder_of, settings_for

FROM_NOTHING = Recipe(
    method="full", learning_rate=5e-3, epochs=3, batch=16, evaluations_per_epoch=2, patience=9, measured_on=30
)
ADAPTER = Recipe(learning_rate=5e-3, rank=8, alpha=16, epochs=2, batch=16, evaluations_per_epoch=2, patience=9)
UNSEEN = lessons(40, 99)


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
        recipe=FROM_NOTHING,
        progress=lambda stage, done, total, note="": told.append(f"{stage} {done}/{total} {note}"),
    )
    return Taught(start, root / "taught", trained, told)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Taught:
    return teach(tmp_path_factory.mktemp("llama"), 1280, encoder_decoder=False)


@pytest.fixture(scope="module")
def t5(tmp_path_factory: pytest.TempPathFactory) -> Taught:
    return teach(tmp_path_factory.mktemp("t5"), 1440, encoder_decoder=True)


def written(folder: Path, given: Sequence[Lesson], adapter: Path | None = None) -> list[Draft]:
    """What the serving generator makes of each lesson."""
    settings = settings_for(folder)
    generator = LocalGenerator(settings, load_local(settings))
    if adapter is not None:
        generator.card.write(adapter)
        generator = generator.tuned("tuned", adapter)
    return [draft_of(generator, lesson) for lesson in given]


def draft_of(generator: LocalGenerator, lesson: Lesson) -> Draft:
    asked, _ = lesson
    reading = read(asked.question, asked.hits, FakeReranker())
    *_, draft = generator.stream(asked.question, reading, (), Decoding(max_tokens=12))
    assert isinstance(draft, Draft)
    return draft


def right(drafts: Sequence[Draft], given: Sequence[Lesson]) -> float:
    """Share that is right to the letter: the refusal, or the copied fact with its citation."""
    return sum(
        draft.text == answer and bool(draft.quotes) == (answer != NOT_COVERED)
        for draft, (_, answer) in zip(drafts, given, strict=True)
    ) / len(given)


@pytest.mark.parametrize("name", ["llama", "t5"])
def test_a_model_learns_from_nothing_to_copy_the_fact_or_to_decline(
    name: str, request: pytest.FixtureRequest
) -> None:
    taught: Taught = request.getfixturevalue(name)
    assert right(written(taught.untaught, UNSEEN[:6]), UNSEEN[:6]) == 0
    assert right(written(taught.folder, UNSEEN), UNSEEN) >= 0.9
    assert taught.trained.score >= 0.9
    assert taught.trained.stop_rate == 1
