"""The recipe on a handful of groups: it learns, saves, and goes on from what it saved."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from safetensors.torch import load_file
from transformers import AutoTokenizer

from core.errors import ConfigurationError, InvalidInputError
from core.models.embedder import packaged_model
from core.models.reader import Reader, base_hash, format_hash
from core.settings import FinetuneSettings
from finetune.recipes.checkpoint import Checkpoints
from finetune.recipes.reader import ReaderGroup, TrainReport, train_reader
from finetune.recipes.reader_model import encode, trainable

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

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
KILLED = SETTINGS.model_copy(update={"validations_per_epoch": 1, "epochs": 3})
ROOT = Path(__file__).parent.parent.parent


def train(out: Path, settings: FinetuneSettings, **given: Any) -> TrainReport:
    given = {"base_adapter": None, "max_tokens": 48, **given}
    return train_reader(given.pop("groups", GROUPS), out=out, settings=settings, **given)


def ranks_first(reader: Reader, groups: Sequence[ReaderGroup] = GROUPS) -> float:
    firsts = []
    for group in groups:
        scores = reader.score(group.question, [*group.positives, *group.negatives])
        firsts.append(scores.index(max(scores)) == 0)
    return sum(firsts) / len(firsts)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("adapter")
    report = train_reader(GROUPS, base_adapter=None, out=out, settings=SETTINGS, max_tokens=48)
    assert report.steps == 12
    assert report.loss_last < report.loss_first / 2
    return out


def test_the_adapter_that_it_saves_ranks_as_it_was_taught(trained: Path) -> None:
    assert ranks_first(Reader(trained)) == 1


def test_the_card_says_what_it_was_trained_on(trained: Path) -> None:
    card = json.loads((trained / "card.json").read_text(encoding="utf-8"))
    assert card["groups"] == len(GROUPS)
    assert (card["input_format"], card["base_hash"]) == (format_hash(), base_hash())
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


@pytest.mark.parametrize("method", ["rslora", "dora", "full"])
def test_each_method_starts_where_the_adapter_stood_and_learns(
    trained: Path, tmp_path: Path, method: str
) -> None:
    """From an adapter of plain LoRA, on the same texts with the answers exchanged."""
    exchanged = [ReaderGroup(item.question, item.negatives[1:], item.positives) for item in GROUPS]
    rate = {"rslora": 5e-4, "dora": 2e-3, "full": 3e-4}[method]
    settings = SETTINGS.model_copy(update={"method": method, "learning_rate": rate})
    still = settings.model_copy(update={"learning_rate": 1e-12, "epochs": 0.5})
    train(tmp_path / "still", still, base_adapter=trained)
    question, texts = GROUPS[0].question, [*GROUPS[0].positives, *GROUPS[0].negatives]
    before = Reader(trained).score(question, texts)
    assert Reader(tmp_path / "still").score(question, texts) == pytest.approx(before, abs=0.15)
    report = train(tmp_path / "tuned", settings, base_adapter=trained, groups=exchanged)
    assert ranks_first(Reader(tmp_path / "tuned"), exchanged) > 0.8
    assert (report.trainable_parameters > 20_000_000) == (method == "full")


def test_an_adapter_is_not_put_on_a_reader_that_was_tuned_whole(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_text("whole")
    with pytest.raises(ConfigurationError, match="METHOD=full"):
        trainable(tmp_path, SETTINGS, 48)


def test_the_weights_that_do_best_on_the_validation_groups_are_kept(trained: Path, tmp_path: Path) -> None:
    """What is taught contradicts what is validated on and was known at the start."""
    exchanged = [ReaderGroup(item.question, item.negatives[:1], item.positives) for item in GROUPS]
    settings = SETTINGS.model_copy(update={"patience": 5, "validations_per_epoch": 2})
    report = train(tmp_path, settings, groups=exchanged, validation=GROUPS, base_adapter=trained)
    scores = [row["score"] for row in report.validation]
    assert report.stopped_early
    assert report.kept_step < report.steps
    assert max(scores) == scores[report.kept_step - 1] > scores[-1]
    assert ranks_first(Reader(tmp_path)) > 0.8


def test_a_run_that_is_killed_goes_on_and_ends_with_the_same_weights(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    run = subprocess.Popen([sys.executable, "-m", "tests.finetune.interrupted", str(folder)], cwd=ROOT)
    saved = folder / "training.pt"
    seen: set[int] = set()
    for _ in range(1200):
        if saved.is_file():
            seen.add(saved.stat().st_mtime_ns)
        if len(seen) >= 2 or run.poll() is not None:
            break
        time.sleep(0.05)
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    state = Checkpoints(folder, "run").load()
    assert state is not None
    done = len(state["losses"])
    steps: list[int] = []

    def note(stage: str, number: int, total: int, text: str = "") -> None:
        steps.extend([number] if stage == "train" else [])

    checkpoints = Checkpoints(folder, "run")
    resumed = train(
        tmp_path / "resumed", KILLED, validation=GROUPS[:2], checkpoints=checkpoints, progress=note
    )
    whole = train(tmp_path / "whole", KILLED, validation=GROUPS[:2])
    assert 0 < done < whole.steps
    assert steps == list(range(done + 1, whole.steps + 1))
    assert resumed.validation == whole.validation
    weights = [load_file(tmp_path / name / "adapter_model.safetensors") for name in ("resumed", "whole")]
    assert weights[0].keys() == weights[1].keys()
    assert all(bool((weights[0][name] == weights[1][name]).all()) for name in weights[0])


def test_a_checkpoint_of_another_run_is_not_gone_on_from(tmp_path: Path) -> None:
    Checkpoints(tmp_path, "one").save({"losses": []})
    assert Checkpoints(tmp_path, "another").load() is None
    assert Checkpoints(tmp_path, "one").load() == {"losses": []}
    assert [path.name for path in tmp_path.iterdir()] == ["training.pt"]


@pytest.mark.parametrize("words", [2, 40, 100])
def test_truncation_cuts_texts_and_never_the_question(words: int) -> None:
    tokenizer = AutoTokenizer.from_pretrained(str(packaged_model()))
    model = SimpleNamespace(tokenizer=tokenizer, max_seq_length=48)
    question, text = " ".join(["question"] * words), " ".join(["text"] * 300)
    (ids,) = encode(cast("CrossEncoder", model), [(question, text)])["input_ids"].tolist()
    asked, read = (ids.count(tokenizer.convert_tokens_to_ids(word)) for word in ("question", "text"))
    assert asked == words
    assert read >= 32
    assert len(ids) == max(48, -(-(words + 35) // 8) * 8)
