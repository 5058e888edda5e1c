from pathlib import Path

import pytest

from core.errors import InvalidInputError
from core.settings import Settings
from core.types import Evidence, QAPair
from eval.questions import load_questions
from finetune import datasets, tuning
from finetune.registry import Registry
from service.learned import learned_by, write_held_out


def pair(number: int, kind: str = "answerable") -> QAPair:
    topic = f"alpha{number} beta{number} gamma{number}"
    evidence = (Evidence(f"doc{number}.md", f"The {topic} rule."),)
    return QAPair(
        f"{kind}{number}", kind, f"What about {topic} {kind}?", topic, evidence, chunk_id=f"c{number}"
    )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


@pytest.fixture
def pairs(settings: Settings) -> list[QAPair]:
    made = [pair(n) for n in range(30)] + [pair(n, "unanswerable") for n in range(10)]
    datasets.save(settings.datasets_dir / "generated.jsonl", made)
    return made


def add_adapter(settings: Settings, data_hash: str) -> str:
    folder = settings.data_dir / "made"
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(b"x")
    return Registry(settings.adapters_dir).add(
        folder, kind="reader", base="b", data_hash=data_hash, recipe=settings.finetune.model_dump()
    )


def test_what_an_adapter_learned_is_found_by_the_hash_without_what_was_held_out(
    settings: Settings, pairs: list[QAPair]
) -> None:
    adapter = add_adapter(settings, datasets.data_hash(pairs))
    held_out = {item.id for item in tuning.split(pairs, settings.finetune).held_out}
    found = learned_by(settings, ["base", "tuned", "gone", "nearest"], None)
    assert list(found) == [f"{adapter} learned from generated.jsonl"]
    (learned,) = found.values()
    assert {item.id for item in learned} == {item.id for item in pairs} - held_out
    assert held_out


def test_data_that_are_not_here_any_more_are_not_made_up(settings: Settings, pairs: list[QAPair]) -> None:
    add_adapter(settings, "of other pairs")
    assert learned_by(settings, ["base", "tuned"], None) == {}


def test_a_training_file_that_no_adapter_is_known_by_is_compared_with_whole(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "train.jsonl"
    file.write_text('{"question": "What is it?", "answer": "It."}\n', encoding="utf-8")
    assert list(learned_by(settings, ["base"], file)) == ["The training questions of train.jsonl"]


def test_the_held_out_questions_are_those_that_tuning_did_not_learn_from(
    settings: Settings, pairs: list[QAPair]
) -> None:
    asked = load_questions(write_held_out(settings)).questions
    held_out = tuning.split(pairs, settings.finetune).held_out
    assert {item.id for item in asked} == {item.id for item in held_out if item.kind == "answerable"}


def test_without_generated_questions_there_are_none_held_out(settings: Settings) -> None:
    with pytest.raises(InvalidInputError, match="generate-qa"):
        write_held_out(settings)
