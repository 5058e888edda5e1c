from __future__ import annotations

import json
import math
import os
import pickle
import random
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from core.errors import InvalidInputError
from core.models.encoding import PromptEncoder, prompt_of
from core.models.generators import LocalGenerator, load_local
from core.prompts import NOT_COVERED, question_request
from core.reading import fold
from core.settings import ModelSettings, Settings
from core.types import Chunk
from finetune.generating_data import Example
from finetune.pretraining import __main__ as making
from finetune.pretraining import tune as tune_command
from finetune.pretraining.card import CARD, FIGURES
from finetune.pretraining.casing import Casing
from finetune.pretraining.followups import followup
from finetune.pretraining.items import Item, nqg_items, practice_items
from finetune.pretraining.lesson_rows import Rows, logits_of, loss_of, rows_of
from finetune.pretraining.lessons import Lesson, LessonMaker, bank_questions
from finetune.pretraining.log import read_log
from finetune.pretraining.packing import packed
from finetune.pretraining.pretraining import pretrain
from finetune.pretraining.recipe import TuningRecipe
from finetune.pretraining.sections import chunks_of
from finetune.pretraining.tuning import tune
from finetune.questions.passage import Passage
from tests.finetune.pretraining import tiny_recipe, tiny_yaml, write_corpus, write_nqg, write_xquad
from tests.tiny_models import make_llama, make_tokenizer


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> list[Item]:
    file = write_nqg(tmp_path_factory.mktemp("nqg") / "pairs.jsonl")
    return nqg_items(file, Casing({"every": "every"}), 13)


@pytest.fixture(scope="module")
def encoder(items: list[Item]) -> PromptEncoder:
    tokenizer = make_tokenizer([item.gold.text for item in items])
    return PromptEncoder(tokenizer, prompt_of("auto", 0, tokenizer, encoder_decoder=False), False)


def maker_of(
    items: list[Item], encoder: PromptEncoder, asking: str = "answered", **told: object
) -> LessonMaker:
    recipe = TuningRecipe(**{"shares": {"asked": 1.0}, "asking": {asking: 1.0}, "window": 4000} | told)
    return LessonMaker({"encyclopedia": items}, encoder, recipe, ["how tall is mount everest"])


def examples_of(maker: LessonMaker, lessons: int = 20) -> list[Example]:
    return [example for lesson in islice(maker.make("13"), lessons) for example in lesson]


def question_of(example: Example, encoder: PromptEncoder) -> tuple[str, str]:
    """(the prompt up to it, the question)."""
    before, _, behind = encoder.tokenizer.decode(example.prompt).rpartition("### Question: ")
    return before, behind.splitlines()[0]


@pytest.mark.parametrize("asking", ["answered", "keywords"])
def test_an_answer_is_a_sentence_of_the_passage_that_its_mark_names(
    asking: str, items: list[Item], encoder: PromptEncoder
) -> None:
    marks = set()
    for example in examples_of(maker_of(items, encoder, asking)):
        sentence, _, mark = example.target.rpartition(" [")
        before, _ = question_of(example, encoder)
        passage = next(line for line in before.splitlines() if line.startswith(f"[{mark[:-1]}]"))
        assert sentence in passage
        assert example.completion[-1] == encoder.tokenizer.eos_token_id
        marks.add(mark)
    assert len(marks) > 2  # the passage that answers stands anywhere


def test_the_sentence_answers_the_question_that_it_is_written_to(
    items: list[Item], encoder: PromptEncoder
) -> None:
    quotes = {item.question: item.quote for item in items}
    for example in examples_of(maker_of(items, encoder)):
        _, question = question_of(example, encoder)
        assert fold(example.target.rpartition(" [")[0]) == fold(quotes[question])


def test_words_that_are_searched_for_stand_in_one_sentence_alone(
    items: list[Item], encoder: PromptEncoder
) -> None:
    people = {item.question for item in items}
    searched = 0
    for example in examples_of(maker_of(items, encoder, "keywords")):
        before, question = question_of(example, encoder)
        if question not in people:
            searched += 1
            sentences = [each for line in before.splitlines() for each in line.split(": ")[-1].split(". ")]
            holding = [each for each in sentences if all(word in each for word in question.split())]
            assert [fold(example.target.rpartition(" [")[0]) in fold(each) for each in holding] == [True]
    assert searched > 40


def test_a_question_without_its_passage_is_not_covered(items: list[Item], encoder: PromptEncoder) -> None:
    by_question = {item.question: item for item in items}
    found = [one for one in examples_of(maker_of(items, encoder, "withheld")) if one.kind == "refusal"]
    assert len(found) > 40
    for example in found:
        before, question = question_of(example, encoder)
        assert fold(by_question[question].quote) not in fold(before)
        assert example.target == NOT_COVERED


def test_an_off_topic_question_is_not_covered(items: list[Item], encoder: PromptEncoder) -> None:
    found = examples_of(maker_of(items, encoder, "off_topic"))
    asked = {question_of(one, encoder)[1] for one in found if one.target == NOT_COVERED}
    assert asked == {"how tall is mount everest"}


def test_a_question_is_asked_for_as_generate_qa_asks(items: list[Item], encoder: PromptEncoder) -> None:
    from finetune.questions import model

    example = next(maker_of(items, encoder, shares={"question": 1.0}).make("13"))[0]
    item = next(item for item in items if f"Q: {item.question}\n" in example.target)
    written = encoder.tokenizer.decode(example.completion, skip_special_tokens=True)
    asked: list[object] = []

    def write(messages: object) -> str:
        asked.append(messages)
        return written

    (candidate,) = model.questions(Passage.of(item.gold), write, 1, "questions about our manuals")
    assert candidate.question == item.question.strip()
    assert candidate.evidence[0] in item.gold.text
    assert asked == [question_request(item.gold, 1, "questions about our manuals")]


def test_no_example_is_longer_than_the_recipe_allows(items: list[Item], encoder: PromptEncoder) -> None:
    found = examples_of(maker_of(items, encoder, window=600), 60)
    assert max(example.length for example in found) <= 600


def test_the_same_seed_makes_the_same_lessons_in_every_process(
    items: list[Item], encoder: PromptEncoder, tmp_path: Path
) -> None:
    file = tmp_path / "maker.pickle"
    file.write_bytes(pickle.dumps(maker_of(items, encoder, distractors=3)))
    told = "import pickle, sys; made = pickle.load(open(sys.argv[1], 'rb')).make('1')"
    told += "; print([next(made)[0].target for _ in range(20)])"
    one, other = (
        subprocess.run(
            [sys.executable, "-c", told, str(file)],
            env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True,
        ).stdout
        for seed in ("1", "2")
    )  # fmt: skip
    assert one == other
    assert len(one) > 200


def test_a_lesson_that_does_not_fit_keeps_its_answers_and_goes_without_a_passage(
    items: list[Item], encoder: PromptEncoder
) -> None:
    found = list(islice(maker_of(items, encoder, "withheld", window=700).make("1"), 60))
    assert all(any(example.kind == "answer" for example in lesson) for lesson in found)


def test_where_nothing_fits_it_is_told(items: list[Item], encoder: PromptEncoder) -> None:
    with pytest.raises(InvalidInputError, match=r"tuning\.window, 30 tokens"):
        next(maker_of(items, encoder, window=30).make("1"))
    with pytest.raises(InvalidInputError, match="no questions of practice"):
        maker_of(items, encoder, sources={"practice": 1.0})


def test_a_question_whose_words_stand_in_a_sentence_is_not_called_uncovered(encoder: PromptEncoder) -> None:
    chunk, other = (
        Chunk(name, name, name, "Badges", (), text, 0)
        for name, text in (
            ("a", "The blue badge opens the north hall. Visitors wait."),
            ("b", "The cat sleeps."),
        )
    )
    items = [
        Item("Does the blue badge open the north hall?", other, "The cat sleeps.", (), False),
        Item("Who waits?", chunk, "Visitors wait.", (), False),
    ]
    maker = maker_of(items, encoder, "withheld", distractors=0)
    made = [
        example
        for example in examples_of(maker, 60)
        if "Visitors" in encoder.tokenizer.decode(example.prompt)
    ]
    assert made
    assert {example.kind for example in made} == {"answer"}


@pytest.fixture(scope="module")
def lessons(items: list[Item], encoder: PromptEncoder) -> list[Lesson]:
    shares = {"asked": 0.5, "question": 0.3, "standalone": 0.2}
    return list(islice(maker_of(items, encoder, window=900, shares=shares).make("13"), 40))


def rows_in(lessons: list[Lesson], encoder: PromptEncoder, count: int = 20) -> Rows:
    repeated = (lesson for _ in range(50) for lesson in lessons)
    return rows_of(repeated, count, 900, 0.25, encoder.tokenizer.pad_token_id)


def places_of(rows: Rows) -> Iterator[tuple[int, list[int]]]:
    """(row, places in it) of each example."""
    for row in range(len(rows)):
        for lesson, branch in {*zip(rows.lesson[row].tolist(), rows.branch[row].tolist(), strict=True)}:
            if branch > 0:
                mine = (rows.lesson[row] == lesson) & np.isin(rows.branch[row], [0, branch])
                yield row, mine.nonzero()[0].tolist()


def test_a_row_computes_what_its_examples_would_alone(lessons: list[Lesson], encoder: PromptEncoder) -> None:
    network = make_llama(encoder.tokenizer).eval()
    rows = rows_in(lessons[:8], encoder, 6)
    alone = {(*one.prompt, *one.completion) for lesson in lessons[:8] for one in lesson}
    found = set()
    with torch.no_grad():
        logits = logits_of(network, rows)
        for row, places in places_of(rows):
            ids = rows.ids[row, places].tolist()
            found.add(tuple(ids))
            expected = network(input_ids=torch.tensor([ids])).logits[0]
            assert torch.allclose(logits[row, places], expected, atol=1e-4)
    assert found <= alone
    assert (
        len(found) > len(alone) // 2
    )  # what does not fit into a row with the rest of its lesson is left out


def test_only_what_follows_is_learned_and_reading_weighs_less(
    lessons: list[Lesson], encoder: PromptEncoder
) -> None:
    rows = rows_in(lessons, encoder)
    completions = {(*one.prompt, *one.completion): len(one.prompt) for lesson in lessons for one in lesson}
    for row, places in places_of(rows):
        ids = rows.ids[row, places].tolist()
        written = [at for at in places if rows.weights[row, at] == 1.0]
        assert rows.following[row, written].tolist() == ids[completions[tuple(ids)] :]
        for at, following in pairwise(places):
            if rows.weights[row, at]:
                assert rows.following[row, at] == rows.ids[row, following]
    assert set(np.unique(rows.weights)) == {0.0, 0.25, 1.0}
    logits = torch.zeros(*rows.ids.shape, len(encoder.tokenizer))
    assert float(loss_of(logits, rows)) == pytest.approx(math.log(len(encoder.tokenizer)), abs=1e-4)


def test_passages_are_read_once_for_all_their_questions(
    lessons: list[Lesson], encoder: PromptEncoder
) -> None:
    rows = rows_in(lessons, encoder)
    alone = sum(len(places) for _, places in places_of(rows))
    assert int((rows.lesson >= 0).sum()) < 0.6 * alone


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
    assert all(item.quote[0].isupper() for item in items)  # sentences are told apart by them


def test_capitals_are_those_of_the_documents() -> None:
    casing = Casing.of(["Look at the Azure portal and the PowerShell module."] * 3)
    assert casing.sentence("open powershell in azure.") == "Open PowerShell in Azure."


def test_practice_questions_find_their_passage_and_one_handbook_is_held_out() -> None:
    found = practice_items()
    assert {item.held_out for item in found} == {True, False}
    sample = random.Random(1).sample(found, 60)
    assert all(item.quote in item.gold.text for item in sample)


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


class Killed(Exception):
    pass


def test_a_tuning_that_was_stopped_goes_on_bit_by_bit(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    told = TuningRecipe(
        tokens=18_000, window=900, batch=2, micro_batch=1, measured_rows=2, every=4, warm_up=2,
        checkpoint_s=0, sources={"encyclopedia": 1}, lesson_workers=1,
    )  # fmt: skip
    recipe = tiny_recipe(2_000, tuning=told)
    corpus, nqg = write_corpus(tmp_path / "corpus"), write_nqg(tmp_path / "nqg.jsonl")
    data = packed(corpus, recipe.corpus, context=4096, cache=tmp_path / "cache")
    done: list[int] = []

    def kill(stage: str, step: int, steps: int, note: str = "") -> None:
        if stage == "tuning":
            done.append(step)
            if len(done) == 5:
                raise Killed

    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    for out in (whole, stopped):
        pretrain(recipe, data, out)
    with pytest.raises(Killed):
        tune(recipe, corpus, nqg, stopped, progress=kill)
    assert not (stopped / "tuned").exists()
    folders = [tune(recipe, corpus, nqg, out, progress=kill) for out in (whole, stopped)]
    assert done[:5] == [1, 2, 3, 4, 5]
    assert done[-5:] == [6, 7, 8, 9, 10]
    expected, found = (load_file(folder / "model.safetensors") for folder in folders)
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    logs = [read_log(out / "tuning.jsonl") for out in (whole, stopped)]
    assert [row["held_out_loss"] for row in logs[0]] == [row["held_out_loss"] for row in logs[1]]
    assert {"answers_exact", "refusals_exact", "loss"} <= set(logs[0][0])


def test_how_long_must_be_said(tmp_path: Path) -> None:
    recipe, nqg = tiny_yaml(tmp_path / "tiny.yaml"), tmp_path / "nqg.jsonl"
    with pytest.raises(InvalidInputError, match="--minutes"):
        tune_command.main([str(recipe), "--corpus", str(tmp_path), "--nqg", str(nqg), "--out", str(tmp_path)])


def test_one_command_makes_a_model_that_serves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tiny_yaml(
        tmp_path / "tiny.yaml",
        tuning=TuningRecipe(
            tokens=12_000, window=900, measured_rows=2, sources={"encyclopedia": 1}, batch=2, every=3
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
    card = (out / "model" / CARD).read_text(encoding="utf-8")
    assert "invented.jsonl.xz" in card
    assert str(tmp_path) not in card
    settings = Settings(generator="transformers", models=ModelSettings(model=str(out / "model"), threads=1))
    generator = LocalGenerator(settings, load_local(settings))
    assert generator.local.kind == "causal"
    assert generator.encoder.prompt.family == "qa"
    assert sum(file.stat().st_size for file in (out / "model").glob("*.safetensors")) < 100_000
