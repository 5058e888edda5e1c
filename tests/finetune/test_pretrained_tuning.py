from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from core.errors import InvalidInputError
from core.models.encoding import PromptEncoder, prompt_of
from core.models.generators import LocalGenerator, load_local
from core.prompts import NOT_COVERED, question_request
from core.settings import ModelSettings, Settings
from finetune.pretraining import __main__ as making
from finetune.pretraining import tune
from finetune.pretraining.card import CARD, FIGURES
from finetune.pretraining.casing import Casing
from finetune.pretraining.followups import followup
from finetune.pretraining.items import Item, nqg_items, practice_items
from finetune.pretraining.lessons import LessonMaker, bank_questions
from finetune.pretraining.recipe import TuningRecipe
from finetune.pretraining.sections import chunks_of
from finetune.pretraining.tuning import tokens_for
from finetune.questions.passage import Passage
from tests.finetune.pretraining import tiny_yaml, write_corpus, write_nqg, write_xquad
from tests.tiny_models import make_tokenizer


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> list[Item]:
    file = write_nqg(tmp_path_factory.mktemp("nqg") / "pairs.jsonl")
    return nqg_items(file, Casing({"every": "every"}), 13)


@pytest.fixture(scope="module")
def encoder(items: list[Item]) -> PromptEncoder:
    tokenizer = make_tokenizer([item.gold.text for item in items])
    return PromptEncoder(tokenizer, prompt_of("auto", 0, tokenizer, encoder_decoder=False), False)


def maker_of(items: list[Item], encoder: PromptEncoder, task: str, **told: object) -> LessonMaker:
    recipe = TuningRecipe(**{"shares": {task: 1.0}, "max_tokens": 4000} | told)
    return LessonMaker({"encyclopedia": items}, encoder, recipe, ["how tall is mount everest"], 13)


def test_an_answer_is_a_sentence_of_the_passage_that_its_mark_names(
    items: list[Item], encoder: PromptEncoder
) -> None:
    marks = set()
    lessons = maker_of(items, encoder, "answered").make()
    for _ in range(40):
        lesson = next(lessons)
        sentence, _, mark = lesson.target.rpartition(" [")
        prompt = encoder.tokenizer.decode(lesson.prompt)
        passage = next(line for line in prompt.splitlines() if line.startswith(f"[{mark[:-1]}]"))
        assert sentence in passage
        assert lesson.completion[-1] == encoder.tokenizer.eos_token_id
        marks.add(mark)
    assert len(marks) > 2  # the passage that answers stands anywhere


def test_a_question_without_its_passage_is_not_covered(items: list[Item], encoder: PromptEncoder) -> None:
    lessons = maker_of(items, encoder, "withheld").make()
    by_question = {item.question: item for item in items}
    for _ in range(20):
        lesson = next(lessons)
        prompt = encoder.tokenizer.decode(lesson.prompt)
        question = prompt.rpartition("### Question: ")[2].splitlines()[0]
        assert by_question[question].quote not in prompt
        assert (lesson.target, lesson.kind) == (NOT_COVERED, "refusal")


def test_an_off_topic_question_is_not_covered(items: list[Item], encoder: PromptEncoder) -> None:
    lesson = next(maker_of(items, encoder, "off_topic").make())
    assert lesson.target == NOT_COVERED
    assert "mount everest" in encoder.tokenizer.decode(lesson.prompt)


def test_a_question_is_asked_for_as_generate_qa_asks(items: list[Item], encoder: PromptEncoder) -> None:
    from finetune.questions import model

    lesson = next(maker_of(items, encoder, "question").make())
    item = next(item for item in items if f"Q: {item.question}\n" in lesson.target)
    written = encoder.tokenizer.decode(lesson.completion, skip_special_tokens=True)
    asked: list[object] = []

    def write(messages: object) -> str:
        asked.append(messages)
        return written

    (candidate,) = model.questions(Passage.of(item.gold), write, 1, "questions about our manuals")
    assert candidate.question == item.question.strip()
    assert candidate.evidence[0] in item.gold.text
    assert asked == [question_request(item.gold, 1, "questions about our manuals")]


def test_no_example_is_longer_than_the_recipe_allows(items: list[Item], encoder: PromptEncoder) -> None:
    lessons = maker_of(items, encoder, "answered", max_tokens=600).make()
    assert max(next(lessons).length for _ in range(60)) <= 600


def test_the_same_seed_makes_the_same_examples(items: list[Item], encoder: PromptEncoder) -> None:
    one, other = (maker_of(items, encoder, "answered").make() for _ in range(2))
    assert [next(one) for _ in range(10)] == [next(other) for _ in range(10)]


def test_held_out_topics_are_kept_apart() -> None:
    assert set(bank_questions(held_out=True)).isdisjoint(bank_questions(held_out=False))
    assert bank_questions(held_out=True)


def test_every_article_of_nqg_is_learned_from_or_held_out(items: list[Item]) -> None:
    sides: dict[str, set[bool]] = {}
    for item in items:
        sides.setdefault(item.gold.source, set()).add(item.held_out)
    assert all(len(side) == 1 for side in sides.values())


def test_half_of_nqg_gets_capitals(items: list[Item]) -> None:
    assert {item.question[0].isupper() for item in items} == {True, False}
    assert all(item.unit() is not None for item in items)


def test_capitals_are_those_of_the_documents() -> None:
    casing = Casing.of(["Look at the Azure portal and the PowerShell module."] * 3)
    assert casing.sentence("open powershell in azure.") == "Open PowerShell in Azure."


def test_practice_questions_find_their_passage_and_one_handbook_is_held_out() -> None:
    found = practice_items()
    assert {item.held_out for item in found} == {True, False}
    sample = random.Random(1).sample(found, 60)
    assert all(item.quote in item.gold.text for item in sample)
    assert sum(item.unit() is not None for item in sample) >= 58


def test_sections_become_passages_with_their_headings() -> None:
    text = "# Leave\n\n## Sick leave\n\n" + "Tell your lead before nine. " * 4 + "\n\n```\ncode\n```"
    (chunk,) = chunks_of("hr/leave.md", text)
    assert (chunk.title, chunk.headings) == ("Leave", ("Sick leave",))
    assert chunk.text.startswith("Tell your lead")


def test_a_shared_phrase_becomes_it() -> None:
    earlier, short, whole = (
        followup("who won super bowl 50?", "where did super bowl 50 take place?") or ("",) * 3
    )
    assert (earlier, short) == ("who won super bowl 50?", "where did it take place?")
    assert whole == "where did super bowl 50 take place?"
    assert followup("who won?", "where is the canteen of hall 3?") is None


def test_minutes_become_tokens_by_the_pace_of_pretraining(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text('{"step": 1, "tokens_per_second": 100.0}\n', encoding="utf-8")
    assert tokens_for(TuningRecipe(), 2, log) == 6000
    assert tokens_for(TuningRecipe(tokens=5), 2, log) == 5


def test_how_long_must_be_said(tmp_path: Path) -> None:
    recipe, nqg = tiny_yaml(tmp_path / "tiny.yaml"), tmp_path / "nqg.jsonl"
    with pytest.raises(InvalidInputError, match="--minutes"):
        tune.main([str(recipe), "--corpus", str(tmp_path), "--nqg", str(nqg), "--out", str(tmp_path)])


def test_one_command_makes_a_model_that_serves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tiny_yaml(
        tmp_path / "tiny.yaml",
        tuning=TuningRecipe(
            tokens=12_000, max_tokens=900, measured_on=2, evaluations=1, sources={"encyclopedia": 1}
        ),
    )
    corpus, nqg = write_corpus(tmp_path / "corpus"), write_nqg(tmp_path / "nqg.jsonl")
    xquad = write_xquad(tmp_path / "xquad.json")
    files = ["--corpus", str(corpus), "--nqg", str(nqg), "--xquad", str(xquad)]
    out = tmp_path / "out"
    assert making.main([str(recipe), *files, "--out", str(out), "--limit", "2", "--threads", "1"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures == json.loads((out / "model" / FIGURES).read_text(encoding="utf-8"))
    assert figures["grounded"]["questions"] == 2
    assert figures["grounded"]["wrongly_declined"] + figures["grounded"]["sentence_f1"] > 0
    tuning = json.loads((out / "model" / "tuning.json").read_text(encoding="utf-8"))
    assert {"loss", "eval_score"} <= {name for row in tuning["log"] for name in row}
    card = (out / "model" / CARD).read_text(encoding="utf-8")
    assert "invented.jsonl.xz" in card
    assert str(tmp_path) not in card
    settings = Settings(generator="transformers", models=ModelSettings(model=str(out / "model"), threads=1))
    generator = LocalGenerator(settings, load_local(settings))
    assert generator.local.kind == "causal"
    assert generator.encoder.prompt.family == "qa"
    assert sum(file.stat().st_size for file in (out / "model").glob("*.safetensors")) < 100_000
