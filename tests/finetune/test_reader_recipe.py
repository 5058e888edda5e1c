"""The recipe on a handful of groups: it learns, saves, and goes on from what it saved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import InvalidInputError
from core.models.reader import Reader, format_hash
from core.settings import FinetuneSettings
from finetune.recipes.reader import ReaderGroup, train_reader

SUBJECTS = ("pump", "valve", "hose", "meter", "tank", "filter", "motor", "sensor")
GROUPS = [
    ReaderGroup(
        f"zorp of the {subject}?",
        (f"The {subject} is zorped at {number}0 bar.",),
        (f"The {subject} is painted blue.", f"Ask Ann about the {subject}."),
    )
    for number, subject in enumerate(SUBJECTS, 1)
]
SETTINGS = FinetuneSettings(epochs=6, learning_rate=2e-3, batch_questions=4, negatives=2)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("adapter")
    report = train_reader(GROUPS, base_adapter=None, out=out, settings=SETTINGS, max_tokens=48)
    assert report.steps == 12
    assert report.loss_last < report.loss_first / 2
    return out


def test_the_adapter_that_it_saves_ranks_as_it_was_taught(trained: Path) -> None:
    reader = Reader(trained)
    for group in GROUPS:
        scores = reader.score(group.question, [*group.positives, *group.negatives])
        assert scores.index(max(scores)) == 0


def test_the_card_says_what_it_was_trained_on(trained: Path) -> None:
    card = json.loads((trained / "card.json").read_text(encoding="utf-8"))
    assert card["groups"] == len(GROUPS)
    assert card["input_format"] == format_hash()
    assert card["settings"]["learning_rate"] == SETTINGS.learning_rate


def test_training_goes_on_from_an_adapter_and_can_teach_declining(trained: Path, tmp_path: Path) -> None:
    unanswered = [ReaderGroup(group.question, (), group.negatives) for group in GROUPS[:4]]
    short = SETTINGS.model_copy(update={"epochs": 1})
    report = train_reader(
        [*GROUPS, *unanswered], base_adapter=trained, out=tmp_path, settings=short, max_tokens=48
    )
    assert report.loss_first < 1.0  # it began where the other had ended
    assert all(score < 0 for score in Reader(tmp_path).score(GROUPS[0].question, GROUPS[0].negatives))


def test_the_time_limit_ends_the_training_and_keeps_what_was_learned(tmp_path: Path) -> None:
    hurried = SETTINGS.model_copy(update={"max_minutes": 1e-6})
    report = train_reader(GROUPS, base_adapter=None, out=tmp_path, settings=hurried, max_tokens=48)
    assert report.stopped_early
    assert report.steps == 1
    assert (tmp_path / "adapter_model.safetensors").is_file()


def test_without_any_answer_there_is_nothing_to_learn(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="nothing to train on"):
        train_reader(
            [ReaderGroup("q", (), ("a",))], base_adapter=None, out=tmp_path, settings=SETTINGS, max_tokens=48
        )
