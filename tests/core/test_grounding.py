"""What grounded decoding lets through, whatever the model is: here one with random weights."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest

from core.interfaces import Decoding, Draft, Reading
from core.models.generators import LocalGenerator, load_local
from core.models.grounding import Spans
from core.prompts import Prompt
from core.reading import closed, read
from core.settings import AnsweringSettings, Settings
from core.types import Chunk, Hit
from core.units import split_sentences
from tests.fakes import FakeReranker
from tests.tiny_models import make_llama, make_t5, make_tokenizer, save, settings_for

WORDS = ("leave", "days", "€45", "meals", "3.5%", "2024-11-30", "O'Neil", "naïve", "café", "1,500", "never")


def passage(rng: random.Random) -> str:
    """Sentences, list items and a table row with numbers in them."""

    def sentence() -> str:
        words = [rng.choice([*WORDS, str(rng.randint(0, 99999))]) for _ in range(rng.randint(2, 9))]
        return " ".join(["The", *words]) + "."

    items = "\n".join(f"- {sentence()[:-1]}" for _ in range(2))
    row = f"| Item | Limit |\n| --- | --- |\n| Hotel {rng.randint(1, 99)} | {rng.randint(1, 999)} € |"
    return f"{sentence()} {sentence()}\n\nThe rules are:\n\n{items}\n\n{row}\n"


def random_reading(rng: random.Random) -> Reading:
    hits = [
        Hit(Chunk(f"c{n}", "d", f"{n}.md", f"Title {rng.randint(0, 9)}", (), passage(rng), 0), 1.0)
        for n in range(rng.randint(1, 3))
    ]
    return read("leave", hits, FakeReranker())


def grounded(folder: Path) -> Settings:
    return settings_for(folder).model_copy(update={"answering": AnsweringSettings(grounded=True)})


@pytest.fixture(scope="module", params=["llama", "t5"])
def generator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LocalGenerator:
    tokenizer = make_tokenizer(WORDS, encoder_decoder=request.param == "t5")
    make: Any = make_t5 if request.param == "t5" else make_llama
    folder = save(make(tokenizer, seed=3), tokenizer, tmp_path_factory.mktemp("random"))
    settings = grounded(folder)
    return LocalGenerator(settings, load_local(settings))


def drafted(generator: LocalGenerator, reading: Reading, decoding: Decoding) -> tuple[str, Draft]:
    """(the whole text, the whole), which begins with whatever was shown before."""
    *before, draft = generator.stream("How much leave?", reading, (), decoding)
    assert all(draft.text.startswith(earlier.text) for earlier in before)
    return draft.text, draft


def decodings(seed: int) -> list[Decoding]:
    return [
        Decoding(max_tokens=120, temperature=1.5, seed=seed),
        Decoding(max_tokens=60, temperature=0.7, top_k=3, top_p=0.8, repetition_penalty=1.5, seed=seed),
        Decoding(max_tokens=90, num_beams=3, no_repeat_ngram_size=2, min_new_tokens=20),
        Decoding(max_tokens=90),
    ]


@pytest.mark.parametrize("seed", range(12))
def test_a_random_model_writes_nothing_but_units_of_the_passages(
    generator: LocalGenerator, seed: int
) -> None:
    rng = random.Random(seed)
    reading = random_reading(rng)
    known = {closed(" ".join(scored.unit.in_context().split())): scored.unit for scored in reading.units}
    decoding = decodings(seed)[seed % 4]
    _, draft = drafted(generator, reading, decoding)
    parts = [part for part in re.split(r" \[\d+\]\s?", draft.text) if part]
    assert [known[part] for part in parts] == [scored.unit for scored in draft.quotes]
    assert [int(mark) for mark in re.findall(r"\[(\d+)\]", draft.text)] == list(range(1, len(parts) + 1))
    for scored in draft.quotes:
        assert scored.unit.text in reading.hits[scored.hit].chunk.text
    assert len(draft.quotes) <= 4
    assert draft.usage.completion_tokens <= decoding.max_tokens


def test_random_models_do_answer(generator: LocalGenerator) -> None:
    quoted = 0
    for seed in range(4):
        decoding = Decoding(temperature=1.5, seed=seed)
        quoted += len(drafted(generator, random_reading(random.Random(seed)), decoding)[1].quotes)
    assert quoted > 0


def test_without_room_for_any_unit_nothing_is_said(generator: LocalGenerator) -> None:
    text, draft = drafted(generator, random_reading(random.Random(1)), Decoding(max_tokens=3))
    assert (text, draft.quotes) == ("", ())


def test_a_stop_string_inside_a_number_shows_no_other_number(generator: LocalGenerator) -> None:
    text = "Everyone has 1234 days of leave."
    reading = read("leave", [Hit(Chunk("c", "d", "d.md", "T", (), text, 0), 1.0)], FakeReranker())
    for stop, shown in (("34 days", ""), (" of leave", "Everyone has 1234 days [1]"), ("[1]", f"{text} ")):
        texts = {
            drafted(generator, reading, Decoding(max_tokens=80, temperature=1.0, stop=(stop,), seed=seed))[0]
            for seed in range(3)
        }
        assert texts <= {"", shown}


class TestSpans:
    """The automaton by itself."""

    tokenizer = make_tokenizer(["Alcohol is never reimbursed. Meals are."])
    text = "Alcohol is never reimbursed. Meals are paid. Meals are paid. Meals are paid late."

    def spans(self, most: int = 4) -> Spans:
        reading = read("meals", [Hit(Chunk("c", "d", "d.md", "T", (), self.text, 0), 1.0)], FakeReranker())
        return Spans(reading, Prompt("qa"), self.tokenizer, most=most)

    def path(self, written: str, most: int = 4) -> list[str] | None:
        spans = self.spans(most)
        states = spans.start()
        for token in self.tokenizer(written, add_special_tokens=False)["input_ids"]:
            states = spans.step(states, token)
        whole = spans.whole(states)
        return None if whole is None else [sentence.text for sentence in spans.sentences(whole)]

    def test_units_are_read_in_any_order_with_or_without_marks(self) -> None:
        assert self.path(" Meals are paid. [1] Alcohol is never reimbursed.") == [
            "Meals are paid.",
            "Alcohol is never reimbursed.",
        ]
        assert self.path("Meals are paid late.") == ["Meals are paid late."]

    def test_what_stands_in_no_passage_is_not_read(self) -> None:
        assert self.path(" Meals are never") is None
        assert self.path(" Meals are paid. [2]") is None
        assert self.path(" never reimbursed.") is None
        assert self.path(" NOT COVERED Meals are paid.") is None

    def test_a_unit_is_written_once_and_only_so_many(self) -> None:
        once = ["Alcohol is never reimbursed."]
        assert self.path(" Alcohol is never reimbursed. Alcohol is never reimbursed.") == once
        assert self.path(" Meals are paid. Meals are paid late.", most=1) is None

    def test_a_refusal_quotes_nothing(self) -> None:
        assert self.path("NOT COVERED") == []

    def test_every_sentence_of_the_test_is_a_unit(self) -> None:
        assert {closed(text) for text in split_sentences(self.text)} == set(self.spans().texts)
