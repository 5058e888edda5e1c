"""`retrain` of a causal model, end to end: a base that believes whatever it finds learns to decline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from core.bootstrap import Inhouse
from core.decision import Decision, Logistic
from core.errors import ConfigurationError
from core.models import generators
from core.models.generators import LocalGenerator, load_local
from core.progress import Progress, silent
from core.settings import (
    AnsweringSettings,
    AssistantSettings,
    DecodingSettings,
    FinetuneSettings,
    ModelSettings,
    Settings,
)
from finetune import datasets, generating
from finetune.generating import retrain_generating
from finetune.promotion import Outcome
from finetune.recipes.causal import train_causal
from finetune.recipes.recipe import Recipe
from finetune.registry import Registry
from finetune.tuning import RetrainReport, retrain
from tests.finetune.building import SmallInhouse, small_inhouse
from tests.finetune.teaching import FROM_NOTHING, Taught, answering_anyway, chunks, examples, lessons, pairs
from tests.tiny_models import PURPOSE, encoder_of

ANSWERS = Decision(Logistic(1.5, {"unit_best": 1.0}), Logistic(9.0, {}), 0.5, 0.5)  # leaves it to the model


@pytest.fixture(scope="module")
def base(llama: Taught, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Knows the world, but answers from any passage with the number that stands there."""
    root = tmp_path_factory.mktemp("base")
    settings = ModelSettings(model=str(llama.folder), threads=1)
    local = load_local(Settings(data_dir=root, models=settings))
    encoder = encoder_of(local.model, local.tokenizer)
    recipe = FROM_NOTHING.model_copy(update={"learning_rate": 2e-3})
    given = examples(encoder, answering_anyway(lessons(256, 5)))
    train_causal(local, given, [], out=root / "model", checkpoints=root / "checkpoints", recipe=recipe)
    return root / "model"


@pytest.fixture(scope="module")
def wired(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallInhouse]:
    with small_inhouse(
        tmp_path_factory.mktemp("data"),
        chunks(),
        models=ModelSettings(model=str(base), threads=1),
        answering=AnsweringSettings(context_chunks=1),
        assistant=AssistantSettings(purpose=PURPOSE),
        decoding=DecodingSettings(max_tokens=12),
        finetune=FinetuneSettings(test_share=0.3),
    ) as inhouse:
        inhouse.__dict__["decision"] = ANSWERS
        datasets.save(inhouse.settings.datasets_dir / "world.jsonl", pairs())
        yield inhouse


@pytest.fixture(scope="module")
def report(wired: SmallInhouse) -> RetrainReport:
    recipe = wired.settings.data_dir / "recipe.yaml"
    recipe.write_text(
        "learning_rate: 3e-3\nrank: 8\nepochs: 12\nbatch: 8\nevaluations_per_epoch: 1\npatience: 12\n"
        "report_to: [tensorboard]\n"
    )
    dataset = wired.settings.datasets_dir / "world.jsonl"
    return retrain(wired, kind="causal", dataset=dataset, recipe=recipe, regress=None)


def test_an_adapter_that_declines_what_the_base_made_up_is_promoted(
    wired: SmallInhouse, report: RetrainReport
) -> None:
    assert report.promoted, report.reason
    assert report.metrics["tuned"]["unanswerable_refused"] > report.metrics["base"]["unanswerable_refused"]
    assert report.metrics["tuned"]["evidence_cited"] == 1
    entry = Registry(wired.settings.adapters_dir).active("causal")
    assert entry is not None
    assert entry.id == report.adapter
    assert entry.recipe["rank"] == 8
    assert entry.base_hash
    held_out = {item.id for item in datasets.split_by_document(pairs(), 0.3, 13)[1]}
    learned = datasets.load(entry.path / datasets.LEARNED)
    assert learned
    assert held_out.isdisjoint(item.id for item in learned)
    assert entry.environment.keys() >= {"trl", "peft", "torch"}
    assert str(wired.settings.data_dir.parent) not in (entry.path / "adapter_config.json").read_text()
    assert [path.name for path in wired.settings.adapters_dir.glob(".training-*")] == []
    assert not list((wired.settings.data_dir / "training").glob("*/*"))
    events = EventAccumulator(str(next((wired.settings.data_dir / "runs" / report.adapter).iterdir())))
    events.Reload()
    assert len(events.Scalars("eval/score")) == 12


def test_what_reports_but_is_not_installed_is_named(
    wired: SmallInhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = generating.find_spec
    monkeypatch.setattr(generating, "find_spec", lambda name: find(name) if name != "mlflow" else None)
    with pytest.raises(ConfigurationError, match="pip install mlflow"):
        retrain_generating(wired, pairs(), kind="causal", recipe=Recipe(report_to=("mlflow",)))


@pytest.mark.parametrize(("lost", "promoted"), [(0, True), (4, False)])
def test_what_is_lost_on_another_handbook_keeps_it_from_serving(
    wired: SmallInhouse, report: RetrainReport, tmp_path: Path, lost: int, promoted: bool
) -> None:
    def regress(
        inhouse: Inhouse, generator: LocalGenerator, settings: Settings, name: str, progress: Progress
    ) -> list[Outcome]:
        wrong = lost if name == "tuned" else 0
        return [Outcome("answerable", f"d{n % 8}", True, n >= wrong) for n in range(40)]

    models = wired.settings.models
    settings = wired.settings.model_copy(update={"data_dir": tmp_path, "generator": "transformers"})
    held_out = datasets.split_by_document(pairs(), 0.3, 13)[1]
    adapter = Registry(wired.settings.adapters_dir).get(report.adapter).path
    decided, reason, metrics = generating._measure(
        wired, settings.model_copy(update={"models": models}), held_out, adapter, Recipe(), regress, silent
    )
    assert decided is promoted, reason
    assert ("another handbook" in reason) is not promoted
    assert metrics["regression"]["tuned"]["right"] == 1 - lost / 40


def test_the_promoted_adapter_serves_the_settings_refusal(wired: SmallInhouse, report: RetrainReport) -> None:
    settings = wired.settings.model_copy(update={"generator": "transformers"})
    serving = Inhouse(settings, shared=wired, reads_like=wired)
    answerer = replace(wired.answerer, settings=settings, generator=serving.generator)
    assert serving.generator.id.endswith(report.adapter)
    [asked] = [pair for pair in pairs() if pair.id == "Amber-budget"]
    answer = answerer.answer(asked.question)
    assert (answer.answer_type, answer.answer) == ("answer", f"{asked.answer} [1]")
    refusal = answerer.answer("Tell me a joke about Amber.")
    assert refusal.answer_type == "no_answer"
    assert refusal.answer == settings.assistant.no_answer.format(purpose=PURPOSE)


def test_a_model_of_the_other_kind_is_refused(wired: SmallInhouse) -> None:
    dataset = wired.settings.datasets_dir / "world.jsonl"
    with pytest.raises(ConfigurationError, match="--kind causal"):
        retrain(wired, kind="seq2seq", dataset=dataset)


def test_a_kind_that_generates_needs_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generators, "SHIPPED_MODEL", tmp_path / "nothing")
    with small_inhouse(tmp_path, chunks()) as bare:
        datasets.save(tmp_path / "world.jsonl", pairs())
        with pytest.raises(ConfigurationError, match="INHOUSE_MODELS__MODEL"):
            retrain(bare, kind="causal", dataset=tmp_path / "world.jsonl")
