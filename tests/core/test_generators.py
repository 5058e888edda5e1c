from __future__ import annotations

import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from core.errors import ConfigurationError, InvalidInputError, ModelError
from core.interfaces import Decoding, Draft
from core.models import generators
from core.models.generators import LocalGenerator, endpoint_generator, load_local
from core.models.local_chat import LocalChatModel
from core.settings import AnsweringSettings, ModelSettings, Settings
from core.types import Message
from tests.core.conftest import Taught
from tests.tiny_models import (
    FIRST_SENTENCES,
    QUESTIONS,
    make_llama,
    make_tokenizer,
    reading_for,
    save,
    settings_for,
)
from tests.tiny_models import asked as asked_of


def drafted(
    generator: LocalGenerator, place: int = 0, decoding: Decoding | None = None
) -> tuple[list[str], Draft]:
    """(texts as they grew, the whole)"""
    drafts = list(generator.stream(QUESTIONS[place], reading_for(place), (), decoding or Decoding()))
    grown = list(dict.fromkeys(draft.text for draft in drafts if draft.text))
    assert all(longer.startswith(shorter) for shorter, longer in pairwise(grown))
    return grown, drafts[-1]


def generator_of(taught: Taught) -> LocalGenerator:
    settings = settings_for(taught.folder)
    return LocalGenerator(settings, load_local(settings))


def generating() -> int:
    return sum(thread.name == "generate" and thread.is_alive() for thread in threading.enumerate())


def wait_until_idle(seconds: float = 10) -> float:
    started = time.monotonic()
    while generating() and time.monotonic() - started < seconds:
        time.sleep(0.005)
    return time.monotonic() - started


@pytest.mark.parametrize(
    ("name", "decoding"),
    [
        ("llama", Decoding()),
        ("llama", Decoding(num_beams=3)),
        ("llama", Decoding(num_beams=3, early_stopping=True)),
        ("t5", Decoding()),
        ("t5", Decoding(num_beams=3)),
    ],
)
def test_a_taught_model_copies_the_first_sentence_and_is_cited(
    name: str, decoding: Decoding, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if decoding.early_stopping:  # rounded to bfloat16, so small a model finds shorter beams likelier
        monkeypatch.setattr("core.models.local.inference_dtype", lambda: torch.float32)
    generator = generator_of(request.getfixturevalue(name))
    for place, sentence in enumerate(FIRST_SENTENCES):
        _, draft = drafted(generator, place, decoding)
        assert draft.text == f"{sentence} [1]"
        assert [scored.unit.text for scored in draft.quotes] == [sentence]
        assert draft.finish_reason == "stop"
        assert draft.usage.completion_tokens > 3


def test_a_seed_decides_what_is_sampled_also_while_others_sample(llama: Taught) -> None:
    local = load_local(settings_for(llama.folder))
    ids = llama.encoder.ids
    from tests.tiny_models import asked

    def sample(seed: int) -> tuple[int, ...]:
        decoding = Decoding(temperature=2.0, top_k=200, seed=seed)
        steps = local.write(ids(asked(0)), decoding, max_tokens=12)
        return tuple(token for tokens in steps for token in tokens)

    alone = [sample(seed) for seed in range(4)]
    assert len(set(alone)) == 4
    together: dict[int, tuple[int, ...]] = {}
    threads = [
        threading.Thread(target=lambda seed=seed: together.update({seed: sample(seed)})) for seed in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[seed] for seed in range(4)] == alone


def test_parameters_reach_transformers(llama: Taught) -> None:
    local = load_local(settings_for(llama.folder))
    ids = llama.encoder.tokenizer("leave leave leave")["input_ids"]

    def written(decoding: Decoding) -> list[int]:
        steps = local.write(ids, decoding, max_tokens=24)
        return [token for tokens in steps for token in tokens]

    pairs = written(Decoding(no_repeat_ngram_size=2, min_new_tokens=24))
    assert len(pairs) == 24
    assert len(set(pairwise(pairs))) == 23
    assert len(set(written(Decoding(repetition_penalty=5.0, min_new_tokens=24)))) > len(
        set(written(Decoding(min_new_tokens=24)))
    )


def test_a_text_that_is_cut_off_loses_its_last_half_sentence(llama: Taught) -> None:
    _, draft = drafted(generator_of(llama), decoding=Decoding(max_tokens=6))
    assert draft.finish_reason == "length"
    assert draft.usage.completion_tokens == 6
    assert (draft.text, draft.quotes) == ("", ())


def test_a_stop_string_ends_the_text_and_the_generating(llama: Taught) -> None:
    grown, draft = drafted(generator_of(llama), 1, Decoding(stop=(" a year",)))
    assert grown == [draft.text] == ["Everyone has 28 days of paid leave [1]"]
    assert wait_until_idle() < 5


def test_a_stop_string_inside_a_number_leaves_no_other_number(llama: Taught) -> None:
    _, draft = drafted(generator_of(llama), 1, Decoding(stop=("8 days",)))
    assert draft.quotes == ()


def endless_model(folder: Path) -> Settings:
    """Random weights that never write an end mark before the limit."""
    tokenizer = make_tokenizer(["What about meals?"])
    return settings_for(save(make_llama(tokenizer), tokenizer, folder))


@pytest.mark.parametrize("beams", [1, 3])
def test_closing_the_stream_ends_the_generating_thread_within_a_step_or_two(
    beams: int, tmp_path: Path
) -> None:
    settings = endless_model(tmp_path)
    local = load_local(settings)
    steps = 0
    forward = local.model.forward

    def counted(*inputs: object, **options: object) -> object:
        nonlocal steps
        steps += 1
        return forward(*inputs, **options)

    local.model.forward = counted
    decoding = Decoding(max_tokens=500, num_beams=beams, min_new_tokens=500)
    stream = LocalGenerator(settings, local).stream("What?", reading_for(0), (), decoding)
    next(stream)
    next(stream)
    assert generating() == 1
    before = steps
    stream.close()  # type: ignore[attr-defined]
    wait_until_idle()
    assert generating() == 0
    assert steps - before <= 3


def test_gibberish_is_not_supported(tmp_path: Path) -> None:
    settings = endless_model(tmp_path)
    grown, draft = drafted(LocalGenerator(settings, load_local(settings)), decoding=Decoding(max_tokens=12))
    assert (grown, draft.quotes) == ([], ())
    assert draft.usage.completion_tokens > 0


def test_a_model_that_fails_is_a_model_error(llama: Taught, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = generator_of(llama)

    def broken(**options: object) -> None:
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(generator.local.model, "generate", broken)
    with pytest.raises(ModelError, match="no room"):
        drafted(generator)


def test_a_model_that_writes_nothing_in_time_is_a_model_error(
    llama: Taught, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(llama.folder, timeout_s=0.05)
    generator = LocalGenerator(settings, load_local(settings))
    done = threading.Event()
    monkeypatch.setattr(generator.local.model, "generate", lambda **options: done.wait(10))
    with pytest.raises(ModelError) as caught:
        drafted(generator)
    done.set()
    assert caught.value.code == "model_timeout"


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = Settings(generator="transformers", models=ModelSettings(model=str(tmp_path / "nothing")))
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_local(missing)


def test_a_generator_without_a_model_says_which_setting_is_missing() -> None:
    for generator in (endpoint_generator, load_local):
        with pytest.raises(ConfigurationError, match="INHOUSE_MODELS__MODEL"):
            generator(Settings(generator="openai"))


def test_the_shipped_model_generates_where_none_is_named(
    llama: Taught, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generators, "SHIPPED_MODEL", llama.folder)
    assert load_local(Settings(generator="transformers")).name == str(llama.folder)


def test_no_model_is_taken_where_none_is_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generators, "SHIPPED_MODEL", tmp_path / "nothing")
    with pytest.raises(ConfigurationError, match="INHOUSE_MODELS__MODEL"):
        load_local(Settings(generator="transformers"))


def test_the_id_shows_no_path(llama: Taught) -> None:
    assert str(llama.folder.parent) not in generator_of(llama).id
    assert generator_of(llama).id.startswith("transformers:llama")


def test_langchain_can_use_the_local_model(llama: Taught) -> None:
    from tests.tiny_models import asked

    chat = LocalChatModel(local=load_local(settings_for(llama.folder)))
    pieces = list(chat.stream(llama.encoder.text(asked(0))))
    assert "".join(str(piece.text) for piece in pieces).strip() == FIRST_SENTENCES[0]
    assert len(pieces) > 3
    assert chat.invoke(llama.encoder.text(asked(1)), stop=["28"]).text.strip() == "Everyone has"


def test_grounded_answers_of_a_taught_model_are_its_own(llama: Taught) -> None:
    settings = settings_for(llama.folder).model_copy(update={"answering": AnsweringSettings(grounded=True)})
    generator = LocalGenerator(settings, load_local(settings))
    for place, sentence in enumerate(FIRST_SENTENCES):
        grown, draft = drafted(generator, place)
        assert draft.text == grown[-1] == f"{sentence} [1]"


def test_a_model_writes_behind_messages_that_are_no_question(llama: Taught, t5: Taught) -> None:
    for taught in (llama, t5):
        generator = generator_of(taught)
        assert generator.write(taught.encoder.prompt.render(asked_of(1))) == FIRST_SENTENCES[1]
    with pytest.raises(InvalidInputError, match="do not fit"):
        generator_of(llama).write([Message("user", "word " * 2000)])
