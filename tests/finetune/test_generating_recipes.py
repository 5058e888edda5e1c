"""Recipes of generating models, for real: tiny models that start from random weights and learn to answer from
a passage or to decline.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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
from tests.finetune.teaching import Lesson, Taught, answering_anyway, examples, lessons
from tests.tiny_models import encoder_of, settings_for

ADAPTER = Recipe(
    learning_rate=5e-3, rank=8, alpha=16, epochs=2, batch=16, evaluations_per_epoch=2, patience=9
)
UNSEEN = lessons(30, 99)
DECODING = Decoding(max_tokens=12)


Written = tuple[str, Draft]  # what the model wrote, and what the serving generator makes of it


def written(folder: Path, given: Sequence[Lesson], adapter: Path | None = None) -> list[Written]:
    settings = settings_for(folder)
    generator = LocalGenerator(settings, load_local(settings))
    if adapter is not None:
        generator.card.write(adapter)
        generator = generator.tuned("tuned", adapter)
    return [write(generator, lesson) for lesson in given]


def write(generator: LocalGenerator, lesson: Lesson) -> Written:
    asked, _ = lesson
    reading = read(asked.question, asked.hits, FakeReranker())
    *_, draft = generator.stream(asked.question, reading, (), DECODING)
    ids, _, most = generator.fitted(asked, DECODING)
    tokens = generator.local.write(ids, DECODING, max_tokens=most, adapter=generator.adapter)
    said = [token for step in tokens for token in step]
    return generator.local.tokenizer.decode(said).strip(), draft


def right(found: Sequence[Written], given: Sequence[Lesson]) -> float:
    """Share that is right to the letter: the refusal, or the copied fact with its citation."""
    return sum(
        text == answer and draft.text == ("" if answer == NOT_COVERED else answer)
        for (text, draft), (_, answer) in zip(found, given, strict=True)
    ) / len(given)


@pytest.mark.parametrize("name", ["llama", "t5"])
def test_a_model_learns_from_nothing_to_copy_the_fact_or_to_decline(
    name: str, request: pytest.FixtureRequest
) -> None:
    taught: Taught = request.getfixturevalue(name)
    assert right(written(taught.untaught, UNSEEN[:6]), UNSEEN[:6]) == 0
    assert right(written(taught.folder, UNSEEN), UNSEEN) >= 0.8
    assert taught.trained.score >= 0.8
    assert taught.trained.stop_rate == 1


def test_the_plan_is_told_before_the_first_step_and_progress_after(llama: Taught) -> None:
    plan = llama.trained.plan
    first = next(number for number, line in enumerate(llama.told) if line.startswith("train "))
    assert any(
        line.startswith("plan") and "trained" in line and "TFLOP" in line for line in llama.told[:first]
    )
    assert plan.costs.parameters == plan.costs.trained
    assert 0 < plan.trained_share < 1
    assert llama.told.count(f"train {llama.trained.steps}/{llama.trained.steps} ") == 1


def train_adapter(
    folder: Path, root: Path, given: Sequence[Lesson], recipe: Recipe, *, dies_at: int = 0
) -> Trained:
    """The adapter is in `root/adapter`; `dies_at` a step, training ends like a killed process."""
    local = LocalModel.load(str(folder), threads=1)
    encoder = encoder_of(local.model, local.tokenizer)

    def progress(stage: str, done: int, total: int, note: str = "") -> None:
        if stage == "train" and done == dies_at:
            raise KeyboardInterrupt

    made = examples(encoder, given)
    return (train_seq2seq if local.encoder_decoder else train_causal)(
        local,
        made,
        made[:12],
        out=root / "adapter",
        checkpoints=root / "checkpoints",
        recipe=recipe,
        progress=progress,
    )


def test_an_adapter_changes_what_the_base_does_and_is_taken_out_again(llama: Taught, tmp_path: Path) -> None:
    given = answering_anyway(lessons(160, 3))
    trained = train_adapter(llama.folder, tmp_path, given, ADAPTER)
    assert trained.plan.costs.trained < trained.plan.costs.parameters / 2
    refused = [lesson for lesson in UNSEEN if lesson[1] == NOT_COVERED][:6]
    settings = settings_for(llama.folder)
    base = LocalGenerator(settings, load_local(settings))
    base.card.write(tmp_path / "adapter")
    tuned = base.tuned("tuned", tmp_path / "adapter")
    before = [write(base, lesson)[0] for lesson in refused]
    assert NOT_COVERED in before
    assert NOT_COVERED not in [write(tuned, lesson)[0] for lesson in refused]
    assert [write(base, lesson)[0] for lesson in refused] == before


@pytest.mark.parametrize(("name", "method"), [("llama", "dora"), ("t5", "rslora"), ("t5", "lora")])
def test_every_method_trains_an_adapter_that_serves(
    name: str, method: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    taught: Taught = request.getfixturevalue(name)
    recipe = ADAPTER.model_copy(update={"method": method, "epochs": 1, "evaluations_per_epoch": 1})
    train_adapter(taught.folder, tmp_path, answering_anyway(lessons(32, 3)), recipe)
    assert written(taught.folder, UNSEEN[:1], tmp_path / "adapter")


def weights(root: Path) -> bytes:
    return (root / "adapter" / "adapter_model.safetensors").read_bytes()


def test_a_killed_run_goes_on_to_the_same_weights_bit_for_bit(llama: Taught, tmp_path: Path) -> None:
    recipe = ADAPTER.model_copy(update={"batch": 8, "evaluations_per_epoch": 2})
    given = answering_anyway(lessons(32, 3))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train_adapter(llama.untaught, whole, given, recipe)
    with pytest.raises(KeyboardInterrupt):
        train_adapter(llama.untaught, killed, given, recipe, dies_at=5)
    torn = killed / "checkpoints" / "checkpoint-99"
    torn.mkdir()
    (torn / "trainer_state.json").write_text("{")
    assert training.last_checkpoint(killed / "checkpoints") == killed / "checkpoints" / "checkpoint-4"
    assert not torn.exists()
    train_adapter(llama.untaught, killed, given, recipe)
    assert weights(killed) == weights(whole)


def example(prompt: Sequence[int], completion: Sequence[int]) -> Example:
    return Example(tuple(prompt), tuple(completion), "answer", "text")


def test_nothing_and_everything_trained_are_refused() -> None:
    assert trained_share([example([1, 2, 3], [4])]) == 0.25
    with pytest.raises(InvalidInputError, match="0%"):
        trained_share([example([1, 2], [])])
    with pytest.raises(InvalidInputError, match="0%"):
        trained_share([])
    with pytest.raises(InvalidInputError, match="100%"):
        trained_share([example([], [1, 2])])


def test_a_completion_without_its_end_mark_is_refused() -> None:
    check_ends([example([1], [5, 2])], 2)
    with pytest.raises(InvalidInputError, match="never learn to stop"):
        check_ends([example([1], [5, 2]), example([1], [5])], 2)


def test_batches_hold_examples_of_like_length_and_each_example_once() -> None:
    lengths = [100 + 10 * ((number * 37) % 101) for number in range(101)]
    sampler = LengthSorted(lengths, 8, seed=1)
    first = list(sampler)
    assert sorted(first) == list(range(101))
    batches = _batches([lengths[index] for index in first])
    assert sum(8 * max(batch) for batch in batches) < 1.2 * sum(lengths)  # 1.7 where they are shuffled
    sampler.set_epoch(1)
    assert list(sampler) != first
    assert list(LengthSorted(lengths, 8, seed=1)) == first


def _batches(values: Sequence[int]) -> list[Sequence[int]]:
    return [values[start : start + 8] for start in range(0, len(values), 8)]


def test_only_completions_are_trained_and_padding_is_not(llama: Taught) -> None:
    from finetune.recipes import causal

    rows = causal._rows([example([1, 2, 3], [4, 5])])
    assert rows[0] == {"input_ids": [1, 2, 3, 4, 5], "labels": [-100, -100, -100, 4, 5]}
