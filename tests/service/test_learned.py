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


def add_adapter(settings: Settings, learned: list[QAPair], base: str = "shipped") -> str:
    folder = settings.data_dir / "made"
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(b"x")
    if learned:
        datasets.save(folder / datasets.LEARNED, learned)
    return Registry(settings.adapters_dir).add(folder, kind="reader", base=base)


def test_what_an_adapter_and_those_before_it_learned_stands_beside_them(settings: Settings) -> None:
    first = add_adapter(settings, [pair(1)])
    second = add_adapter(settings, [pair(2), pair(3)], base=first)
    found = learned_by(settings, ["base", "tuned", second, "gone", "nearest"], None)
    assert {name: [item.id for item in pairs] for name, pairs in found.items()} == {
        f"What {second} learned": ["answerable2", "answerable3"],
        f"What {first} learned": ["answerable1"],
    }


def test_what_nearest_copies_from_is_compared_where_no_file_is_named(
    settings: Settings, pairs: list[QAPair]
) -> None:
    assert learned_by(settings, ["base"], None) == {}
    found = learned_by(settings, ["base", "nearest"], None)
    assert {name: len(questions) for name, questions in found.items()} == {
        "The training questions of generated.jsonl": len(pairs)
    }


def test_a_training_file_that_cannot_be_read_is_told_and_ends_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    ((told, questions),) = learned_by(settings, ["base", "nearest"], tmp_path / "gone.jsonl").items()
    assert told.startswith("The training questions of gone.jsonl are not known: ")
    assert questions == []


def test_what_is_not_known_any_more_is_said(settings: Settings) -> None:
    adapter = add_adapter(settings, [])
    ((told, pairs),) = learned_by(settings, ["base", "tuned"], None).items()
    assert told.startswith(f"What {adapter} learned is not known: ")
    assert pairs == []


def test_a_training_file_that_no_adapter_is_known_by_is_compared_with_whole(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "train.jsonl"
    file.write_text('{"question": "What is it?", "answer": "It."}\n', encoding="utf-8")
    assert list(learned_by(settings, ["base"], file)) == ["The training questions of train.jsonl"]


def test_the_held_out_questions_are_those_that_tuning_did_not_learn_from(
    settings: Settings, pairs: list[QAPair]
) -> None:
    questions, training = write_held_out(settings, ["base"])
    parts = tuning.split(pairs, settings.finetune)
    asked = {item.id for item in load_questions(questions).questions}
    assert asked == {item.id for item in parts.held_out if item.kind == "answerable"}
    assert {item.id for item in datasets.load(training)} == {item.id for item in pairs} - {
        item.id for item in parts.held_out
    }
    assert not {questions.parent, training.parent} & {settings.datasets_dir}  # where `nearest` looks


def test_no_document_is_held_out_that_an_arm_has_learned_from(
    settings: Settings, pairs: list[QAPair]
) -> None:
    held_out = [item for item in tuning.split(pairs, settings.finetune).held_out if item.kind == "answerable"]
    adapter = add_adapter(settings, held_out[:1])
    questions, _ = write_held_out(settings, ["base", adapter])
    assert {item.id for item in datasets.load(questions)} == {item.id for item in held_out[1:]}


def test_where_all_was_learned_none_are_held_out(settings: Settings, pairs: list[QAPair]) -> None:
    with pytest.raises(InvalidInputError, match="index more documents"):
        write_held_out(settings, [add_adapter(settings, pairs)])


def test_without_generated_questions_there_are_none_held_out(settings: Settings) -> None:
    with pytest.raises(InvalidInputError, match="generate-qa"):
        write_held_out(settings, [])
