"""Pairs -> examples, asked as the service asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from core.bootstrap import Inhouse
from core.interfaces import Decoding
from core.models.generators import LocalGenerator, load_local
from core.prompts import NOT_COVERED, Asked
from core.settings import AnsweringSettings, AssistantSettings, DecodingSettings
from core.types import Evidence, Message
from finetune.generating_data import Example, ExampleMaker, mix, score, token_f1
from finetune.recipes.recipe import CAUSAL, Recipe
from tests.finetune.building import SmallInhouse, small_inhouse
from tests.finetune.teaching import TEAMS, chunks, pairs, untaught
from tests.tiny_models import PURPOSE, settings_for

PAIRS = {pair.id: pair for pair in pairs(TEAMS[:12])}
BUDGET = PAIRS["Amber-budget"]


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> LocalGenerator:
    settings = settings_for(untaught(tmp_path_factory.mktemp("tiny")))
    return LocalGenerator(settings, load_local(settings))


@pytest.fixture(scope="module")
def inhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallInhouse]:
    with small_inhouse(
        tmp_path_factory.mktemp("data"),
        chunks(),
        answering=AnsweringSettings(context_chunks=2),
        assistant=AssistantSettings(purpose=PURPOSE),
        decoding=DecodingSettings(max_tokens=12),
    ) as wired:
        yield wired


def maker(inhouse: Inhouse, generator: LocalGenerator, window: int = 1024, **recipe: Any) -> ExampleMaker:
    return ExampleMaker(inhouse, generator.encoder, Recipe(**recipe), window)


def made(found: Example | str) -> Example:
    assert isinstance(found, Example), found
    return found


def prompt_text(example: Example, generator: LocalGenerator) -> str:
    text: str = generator.local.tokenizer.decode(list(example.prompt))
    return text


@pytest.mark.parametrize(
    "history", [(), (Message("user", "What is Amber?"), Message("assistant", "A team."))]
)
def test_a_prompt_is_token_for_token_what_the_service_gives_the_model(
    history: tuple[Message, ...],
    inhouse: SmallInhouse,
    generator: LocalGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pair = replace(BUDGET, history=history)
    given: list[list[int]] = []
    fitted = LocalGenerator.fitted

    def watched(self: LocalGenerator, asked: Asked, decoding: Decoding) -> Any:
        found = fitted(self, asked, decoding)
        given.append(found[0])
        return found

    monkeypatch.setattr(LocalGenerator, "fitted", watched)
    answerer = replace(inhouse.answerer, generator=generator)
    answerer.answer(pair.question, history, Decoding(max_tokens=12))
    example = made(maker(inhouse, generator).example(pair))
    assert given == [list(example.prompt)]
    assert list(example.completion) == generator.encoder.completion_ids(example.target)


def test_an_answer_names_its_passage_and_stands_among_hard_distractors(
    inhouse: SmallInhouse, generator: LocalGenerator
) -> None:
    example = made(maker(inhouse, generator).example(BUDGET))
    text = prompt_text(example, generator)
    assert example.kind == "answer"
    gold = text.index(BUDGET.evidence[0].quote)
    number = 1 + text[:gold].count("\n[2]")
    assert example.target == f"{BUDGET.answer} [{number}]"
    assert "[2]" in text


def test_a_withheld_passage_teaches_the_refusal(inhouse: SmallInhouse, generator: LocalGenerator) -> None:
    pair = replace(PAIRS["Amber-budget-withheld"], answer="")
    example = made(maker(inhouse, generator).example(pair))
    text = prompt_text(example, generator)
    assert (example.kind, example.target) == ("refusal", NOT_COVERED)
    assert pair.evidence[0].quote not in text
    assert "[2]" in text
    worded = made(maker(inhouse, generator, refusal="wording").example(pair))
    assert worded.target == inhouse.settings.assistant.no_answer.format(purpose=PURPOSE)
    own = made(maker(inhouse, generator, refusal="wording").example(replace(pair, answer="No idea.")))
    assert own.target == "No idea."


def test_an_answer_that_serving_would_not_bear_out_is_replaced_by_the_evidence(
    inhouse: SmallInhouse, generator: LocalGenerator
) -> None:
    example = made(maker(inhouse, generator).example(replace(BUDGET, answer="Plenty, I should say.")))
    assert example.target.startswith(BUDGET.evidence[0].quote)


def test_a_passage_that_retrieval_missed_is_put_in(inhouse: SmallInhouse, generator: LocalGenerator) -> None:
    odd = replace(BUDGET, question="Which room is number that of Birch?")
    example = made(maker(inhouse, generator).example(odd))
    assert BUDGET.evidence[0].quote in prompt_text(example, generator)


def test_evidence_that_is_nowhere_is_counted(inhouse: SmallInhouse, generator: LocalGenerator) -> None:
    gone = replace(BUDGET, evidence=(Evidence("Amber.md", "The Amber pond is deep."),))
    found = maker(inhouse, generator).make([BUDGET, gone])
    assert len(found.examples) == 1
    assert found.dropped == {"evidence not among the passages": 1}


def test_truncation_takes_passages_and_never_the_question(
    inhouse: SmallInhouse, generator: LocalGenerator
) -> None:
    whole = made(maker(inhouse, generator).example(BUDGET))
    gold_last = whole.target.endswith("[2]")
    shorter = maker(inhouse, generator, max_tokens=whole.length - 1).example(BUDGET)
    if gold_last:
        assert shorter == "its passage does not fit"
    else:
        text = prompt_text(made(shorter), generator)
        assert BUDGET.question in text
        assert "[2]" not in text
    refusal = made(
        maker(inhouse, generator, max_tokens=whole.length - 8).example(PAIRS["Amber-budget-withheld"])
    )
    assert BUDGET.question in prompt_text(refusal, generator)
    assert maker(inhouse, generator, max_tokens=16).example(BUDGET) == "question too long"


def test_the_mix_keeps_the_shares_and_leaves_injections_out(inhouse: SmallInhouse) -> None:
    attack = replace(PAIRS["off-0"], id="attack", kind="injection")
    given = [*PAIRS.values(), attack]
    kinds = Counter(pair.kind for pair in mix(given, inhouse, CAUSAL))
    assert kinds == {"answerable": 24, "unanswerable": 7, "offtopic": 3}
    few = Counter(pair.kind for pair in mix(given, inhouse, Recipe(examples=10, withheld_share=0.5)))
    assert few == {"answerable": 4, "unanswerable": 5, "offtopic": 1}
    assert mix(given, inhouse, CAUSAL) == mix(given, inhouse, CAUSAL)


def test_missing_contrasts_are_made_of_answerable_pairs(inhouse: SmallInhouse) -> None:
    answerable = [pair for pair in PAIRS.values() if pair.kind == "answerable"]
    mixed = mix(answerable, inhouse, CAUSAL)
    assert sum(pair.kind == "unanswerable" for pair in mixed) == 7


def test_scores_are_of_words_for_answers_and_all_or_nothing_for_refusals() -> None:
    answer = Example((1,), (2,), "answer", "The room is 20. [1]")
    refusal = Example((1,), (2,), "refusal", NOT_COVERED)
    assert score("the room is 20 [2]", answer) == 1
    assert score("The room is 24.", answer) == 0.75
    assert score(NOT_COVERED, answer) == 0
    assert score(f"{NOT_COVERED}.", refusal) == 1
    assert score("The room is 20.", refusal) == 0
    assert score("I cannot say.", replace(refusal, target="I cannot say")) == 1
    assert token_f1("", "a") == 0
