"""Retraining over a real index and registry, with a stand-in for the recipe and readers of known quality."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.answering import Answerer
from core.bootstrap import Inhouse
from core.errors import ConfigurationError, IndexEmptyError, InvalidInputError, UnknownModelError
from core.interfaces import Reranker
from core.models.reader import base_hash
from core.progress import Progress
from core.settings import FinetuneSettings
from core.types import Chunk, QAPair
from finetune import datasets, tuning
from finetune.generation import default_dataset, generate_qa
from finetune.promotion import Outcome
from finetune.recipes.reader import ReaderGroup, TrainReport
from finetune.registry import Registry
from finetune.tuning import RetrainReport, retrain
from finetune.workspace import workspace
from tests.fakes import FakeReranker
from tests.finetune.building import SmallInhouse, chunk, small_inhouse
from tests.finetune.test_datasets import many_pairs

SETTINGS = FinetuneSettings(test_share=0.4, pairs_per_document=4)
PLACES = (
    *("Arnhem", "Braga", "Cologne", "Delft", "Essen", "Ghent", "Halle", "Ivrea"),
    *("Jena", "Kassel", "Lyon", "Malaga", "Nantes", "Oviedo", "Porto"),
)


def offices() -> list[Chunk]:
    """Documents alike in form, so that what helps with some helps with the rest."""
    return [
        chunk(
            "| Room | Seats | Floor manager |\n|---|---|---|\n"
            f"| {place} hall | {20 + number} | Ann {place}son |\n"
            f"| {place} cellar | {40 + number} | Bob {place}son |\n\n"
            f"The {place} shuttle takes {5 + number} minutes.",
            source=f"{place.lower()}.md",
            title=f"{place} office",
            headings=(f"{place} rooms",),
        )
        for number, place in enumerate(PLACES)
    ]


class Backwards:
    """Prefers what shares least with the question."""

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        return [-score for score in FakeReranker().score(question, texts)]


class Hesitant:
    """Sees little in anything, so that it declines most of what it is asked."""

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        return [score - 3 for score in FakeReranker().score(question, texts)]


class Recipe:
    """Stands in for training: keeps what it was given and writes a folder that looks like an adapter."""

    def __init__(self) -> None:
        self.groups: list[ReaderGroup] = []
        self.base: Path | None = None

    def __call__(
        self, groups: Sequence[ReaderGroup], *, base_adapter: Path | None, out: Path, **_: Any
    ) -> TrainReport:
        self.groups, self.base = list(groups), base_adapter
        out.mkdir(parents=True)
        (out / "adapter_model.safetensors").write_text("tuned")
        return TrainReport(10, 1.0, 0.9, 0.3, 1000, False)


def arm_of(reader: Reranker) -> Callable[[Inhouse, Path], Answerer]:
    def wire(inhouse: Inhouse, adapter: Path) -> Answerer:
        assert isinstance(inhouse, SmallInhouse)
        assert (adapter / "adapter_model.safetensors").is_file()
        return inhouse.answerer_with(reader)

    return wire


@pytest.fixture
def inhouse(tmp_path: Path) -> Iterator[SmallInhouse]:
    with small_inhouse(tmp_path, offices(), finetune=SETTINGS) as wired:
        wired.adapter.mkdir()
        yield wired


def run(
    inhouse: SmallInhouse, before: Reranker, after: Reranker, recipe: Recipe | None = None, **given: Any
) -> RetrainReport:
    inhouse.__dict__["answerer"] = inhouse.answerer_with(before)
    given = {"calibrate": None, "regress": None, **given}
    return retrain(inhouse, train=recipe or Recipe(), arm=arm_of(after), **given)


def test_a_better_adapter_is_registered_and_activated(inhouse: SmallInhouse) -> None:
    report = run(inhouse, Hesitant(), FakeReranker())
    assert report.promoted
    assert report.reason.startswith("Promoted")
    assert report.metrics["tuned"]["right"] > report.metrics["base"]["right"]
    active = Registry(inhouse.settings.adapters_dir).active("reader")
    assert active is not None
    assert active.id == report.adapter
    assert (active.path / "adapter_model.safetensors").read_text() == "tuned"
    assert active.environment.keys() >= {"python", "machine", "torch", "peft"}
    assert active.base_hash == base_hash()
    assert active.metrics["seconds"] <= report.seconds
    assert active.data_hash == datasets.data_hash(datasets.load(default_dataset(inhouse.settings)))
    assert json.loads(json.dumps(report.to_json())).keys() == {
        "adapter",
        "promoted",
        "reason",
        "metrics",
        "seconds",
    }


def test_a_worse_adapter_is_registered_but_does_not_serve(inhouse: SmallInhouse) -> None:
    report = run(inhouse, FakeReranker(), Backwards())
    assert not report.promoted
    assert report.reason.startswith("Not promoted")
    registry = Registry(inhouse.settings.adapters_dir)
    assert [entry.id for entry in registry.list()] == [report.adapter]
    assert registry.active("reader") is None
    assert {path.name for path in registry.folder.iterdir()} == {
        "registry.json",
        "registry.lock",
        report.adapter,
    }


@dataclass(frozen=True)
class Run:
    pairs: list[QAPair]
    groups: list[ReaderGroup]
    report: RetrainReport


@pytest.fixture(scope="module")
def one_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    recipe = Recipe()
    with small_inhouse(tmp_path_factory.mktemp("data"), offices(), finetune=SETTINGS) as inhouse:
        report = run(inhouse, FakeReranker(), FakeReranker(), recipe)
        return Run(datasets.load(default_dataset(inhouse.settings)), recipe.groups, report)


def test_training_sees_nothing_of_the_held_out_documents(one_run: Run) -> None:
    learned, held_out = datasets.split_by_document(one_run.pairs, SETTINGS.test_share, SETTINGS.seed)
    asked = {group.question for group in one_run.groups}
    assert asked.isdisjoint({pair.question for pair in held_out})
    assert asked >= {pair.question for pair in learned if pair.kind == "answerable"}


def test_a_contrast_group_has_no_positive_and_not_its_evidence(one_run: Run) -> None:
    contrast = {pair.question: pair for pair in one_run.pairs if pair.kind == "unanswerable"}
    empty = [group for group in one_run.groups if not group.positives and group.question in contrast]
    assert empty
    for group in empty:
        quote = contrast[group.question].evidence[0].quote
        assert not any(quote in text for text in group.negatives)


def test_half_as_many_practice_groups_are_mixed_in(one_run: Run) -> None:
    training = one_run.report.metrics["training"]
    assert training["replayed"] == round(training["groups"] / 2) > 15


def test_two_runs_train_on_the_same_groups_in_the_same_order(inhouse: SmallInhouse, one_run: Run) -> None:
    recipe = Recipe()
    run(inhouse, FakeReranker(), FakeReranker(), recipe)
    assert recipe.groups == one_run.groups


def test_the_decision_of_the_starting_adapter_is_kept(inhouse: SmallInhouse) -> None:
    (inhouse.adapter / "decision.json").write_text("{}")
    report = run(inhouse, FakeReranker(), FakeReranker())
    assert (inhouse.settings.adapters_dir / report.adapter / "decision.json").read_text() == "{}"


def test_tuning_goes_on_from_the_adapter_that_is_named(inhouse: SmallInhouse) -> None:
    first = run(inhouse, FakeReranker(), FakeReranker())
    recipe = Recipe()
    second = run(inhouse, FakeReranker(), FakeReranker(), recipe, base=first.adapter)
    assert recipe.base == inhouse.settings.adapters_dir / first.adapter
    assert Registry(inhouse.settings.adapters_dir).get(second.adapter).base == first.adapter


def test_a_generated_dataset_is_used_again_until_the_index_changes(
    inhouse: SmallInhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate_qa(inhouse)
    made: list[Path] = []

    def counted(*args: Any, **given: Any) -> Any:
        made.append(given["out"])
        return generate_qa(*args, **given)

    monkeypatch.setattr(tuning, "generate_qa", counted)
    run(inhouse, FakeReranker(), FakeReranker())
    assert made == []
    with inhouse.index.writer() as writer:
        writer.remove("arnhem")
        writer.commit()
    run(inhouse, FakeReranker(), FakeReranker())
    assert made == [default_dataset(inhouse.settings)]


def test_a_recipe_for_the_reader_is_refused_with_what_to_do(inhouse: SmallInhouse, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--kind causal"):
        retrain(inhouse, recipe=tmp_path / "recipe.yaml")


def test_an_unknown_base_is_named(inhouse: SmallInhouse) -> None:
    with pytest.raises(UnknownModelError, match="reader-nope"):
        retrain(inhouse, base="reader-nope", train=Recipe(), arm=arm_of(FakeReranker()))


def test_an_empty_index_is_named(tmp_path: Path) -> None:
    with small_inhouse(tmp_path, []) as wired, pytest.raises(IndexEmptyError):
        retrain(wired)


def test_a_dataset_about_one_document_is_refused(inhouse: SmallInhouse, tmp_path: Path) -> None:
    generate_qa(inhouse)
    pairs = datasets.load(default_dataset(inhouse.settings))
    datasets.save(tmp_path / "one.jsonl", [pair for pair in pairs if pair.document_id == "arnhem"])
    with pytest.raises(InvalidInputError, match="cannot be split"):
        run(inhouse, FakeReranker(), FakeReranker(), dataset=tmp_path / "one.jsonl")
    assert not [path for path in inhouse.settings.adapters_dir.glob("*") if path.is_dir()]


def test_a_broken_training_run_leaves_nothing_behind(inhouse: SmallInhouse) -> None:
    def broken(*_: Any, **__: Any) -> TrainReport:
        raise InvalidInputError("nothing to train on")

    with pytest.raises(InvalidInputError):
        retrain(inhouse, train=broken, arm=arm_of(FakeReranker()))
    assert list(inhouse.settings.adapters_dir.iterdir()) == []


def test_an_adapter_that_is_worse_about_another_handbook_does_not_serve(inhouse: SmallInhouse) -> None:
    asked: list[str] = []

    def forgetful(_: Inhouse, tuned: Path, __: Progress) -> tuple[list[Outcome], list[Outcome]]:
        asked.append(tuned.name)
        right = [Outcome("answerable", f"doc{number}", True, True) for number in range(10)]
        return right, [*right[1:], Outcome("answerable", "doc0", True, False)]

    report = run(inhouse, Hesitant(), FakeReranker(), regress=forgetful)
    assert not report.promoted
    assert "another handbook it gets 10.0% fewer right" in report.reason
    assert report.metrics["regression"]["tuned"]["right"] == 0.9
    run(inhouse, FakeReranker(), FakeReranker(), regress=forgetful)
    assert asked == ["adapter"]  # only of one that would be promoted otherwise


def test_what_is_put_aside_is_of_other_documents_than_the_rest() -> None:
    pairs = many_pairs(300)
    parts = tuning.split(pairs, SETTINGS)
    assert min(parts.sizes().values()) > 10
    sides = [parts.learned, parts.aside, parts.held_out]
    assert sum(map(len, sides)) == len(pairs)
    for number, side in enumerate(sides):
        datasets.check_disjoint(side, [pair for other in sides[number + 1 :] for pair in other])


def test_of_few_pairs_none_is_put_aside() -> None:
    assert tuning.split(many_pairs(60), SETTINGS).aside == []


@pytest.mark.parametrize(("fault", "left"), [(KeyboardInterrupt(), True), (InvalidInputError("no"), False)])
def test_an_interrupted_run_leaves_its_folder_and_a_failed_one_does_not(
    tmp_path: Path, fault: BaseException, left: bool
) -> None:
    with pytest.raises(type(fault)), workspace(tmp_path, "k"):
        raise fault
    assert (tmp_path / ".training-k").exists() is left


def test_the_same_training_does_not_run_twice_at_a_time(tmp_path: Path) -> None:
    with workspace(tmp_path, "k"):
        second = workspace(tmp_path, "k")
        with pytest.raises(InvalidInputError, match="under way"):
            second.__enter__()
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_format_is_tuned_on_as_far_as_the_documents_hold_its_answers(
    inhouse: SmallInhouse, tmp_path: Path
) -> None:
    said = [(f"How many seats has {place} cellar?", f"{40 + n} seats.") for n, place in enumerate(PLACES)]
    said.append(("Is there a sauna in Essen?", "Yes, the sauna opens at noon."))
    lines = ["question,answer", *(f'"{asked}","{answer}"' for asked, answer in said)]
    (tmp_path / "qa.csv").write_text("\n".join(lines) + "\n")
    recipe = Recipe()
    report = run(inhouse, FakeReranker(), FakeReranker(), recipe, dataset=tmp_path / "qa.csv")
    assert report.metrics["pairs"] == {"learned": 9, "aside": 0, "held_out": 6, "ungrounded": 1}
    asked = {group.question: group for group in recipe.groups}
    taught = [group for question, group in asked.items() if question in dict(said)]
    assert len(taught) == 9
    for group in taught:
        (right,) = group.positives
        assert dict(said)[group.question].split()[0] in right


def test_the_sample_to_ask_is_bounded_by_kind_and_seeded() -> None:
    pairs = many_pairs(100)
    chosen = tuning.sample(pairs, seed=1)
    assert chosen == tuning.sample(pairs, seed=1)
    assert len([pair for pair in chosen if pair.kind == "answerable"]) == 60
    assert len([pair for pair in chosen if pair.kind == "unanswerable"]) == 25
