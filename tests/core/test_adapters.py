"""Several LoRA adapters over one base in memory."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import pytest

from core.errors import AdapterMismatchError, ModelError
from core.interfaces import Decoding, Draft
from core.models.generators import LocalGenerator, load_local
from tests.core.conftest import Taught
from tests.tiny_models import (
    FIRST_SENTENCES,
    QUESTIONS,
    always,
    make_adapter,
    make_llama,
    reading_for,
    save,
    settings_for,
)


@pytest.fixture(scope="module")
def tuned(llama: Taught, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Adapters that always answer with the sentence on leave, and with the one on the VPN."""
    folder = tmp_path_factory.mktemp("adapters")
    return (
        make_adapter(llama.model, llama.encoder, always(FIRST_SENTENCES[1]), folder / "leave"),
        make_adapter(llama.model, llama.encoder, always(FIRST_SENTENCES[2]), folder / "vpn"),
    )


def answer(generator: LocalGenerator, place: int = 0) -> str:
    *_, draft = generator.stream(QUESTIONS[place], reading_for(place), (), Decoding())
    assert isinstance(draft, Draft)
    return draft.text


def test_adapters_answer_each_in_its_way_and_leave_the_base_as_it_was(
    llama: Taught, tuned: tuple[Path, Path]
) -> None:
    settings = settings_for(llama.folder)
    base = LocalGenerator(settings, load_local(settings))
    before = [answer(base, place) for place in range(3)]
    leave, vpn = base.tuned("causal-1.leave", tuned[0]), base.tuned("causal-2", tuned[1])
    for _ in range(2):
        assert answer(leave) == f"{FIRST_SENTENCES[1]} [1]"
        assert answer(vpn) == f"{FIRST_SENTENCES[2]} [1]"
        assert [answer(base, place) for place in range(3)] == before
    assert len({base.id, leave.id, vpn.id}) == 3
    assert leave.id.endswith("@causal-1.leave")


def test_a_t5_takes_adapters_too(t5: Taught, tmp_path: Path) -> None:
    folder = make_adapter(t5.model, t5.encoder, always(FIRST_SENTENCES[1]), tmp_path / "leave")
    settings = settings_for(t5.folder)
    base = LocalGenerator(settings, load_local(settings))
    assert answer(base.tuned("seq2seq-1", folder)) == f"{FIRST_SENTENCES[1]} [1]"
    assert answer(base) == f"{FIRST_SENTENCES[0]} [1]"


def test_requests_for_different_adapters_do_not_disturb_each_other(
    llama: Taught, tuned: tuple[Path, Path]
) -> None:
    settings = settings_for(llama.folder)
    base = LocalGenerator(settings, load_local(settings))
    generators = [base, base.tuned("a", tuned[0]), base.tuned("b", tuned[1])]
    answers: list[tuple[int, str]] = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append((n, answer(generators[n])))) for n in [0, 1, 2] * 3
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == sorted((n, f"{FIRST_SENTENCES[n]} [1]") for n in [0, 1, 2] * 3)


def test_adapters_beyond_those_kept_leave_memory_and_come_back(
    llama: Taught, tuned: tuple[Path, Path]
) -> None:
    settings = settings_for(llama.folder, adapters_kept=1)
    local = load_local(settings)
    base = LocalGenerator(settings, local)
    first, _, _ = (base.tuned(name, tuned[0]) for name in "abc")
    assert local.adapters.loaded == ["b", "c"]
    assert answer(first) == f"{FIRST_SENTENCES[1]} [1]"
    assert local.adapters.loaded == ["c", "a"]


def test_one_who_waits_for_another_adapter_goes_before_those_who_came_later(llama: Taught) -> None:
    adapters = load_local(settings_for(llama.folder)).adapters
    order: list[str] = []
    began, release = threading.Event(), threading.Event()

    def hold() -> None:
        with adapters.using(None):
            began.set()
            release.wait(10)

    class Impatient(Exception):
        pass

    def give_up() -> None:
        raise Impatient

    holding = threading.Thread(target=hold)
    holding.start()
    assert began.wait(10)
    with adapters.using(None):
        order.append("the same adapter runs beside it")
    from core.models.adapters import Adapter

    with pytest.raises(Impatient), adapters.using(Adapter("x", Path("nowhere")), give_up):
        order.append("another one must wait")
    release.set()
    holding.join(10)
    assert order == ["the same adapter runs beside it"]
    with adapters.using(None):
        order.append("and whoever gave up stands in nobody's way")


@pytest.mark.parametrize(
    ("field", "told"),
    [("base", "another base model"), ("tokenizer", "another tokenizer"), ("prompt", "the prompt qa/0")],
)
def test_an_adapter_that_does_not_fit_is_refused_by_name(
    field: str, told: str, llama: Taught, tuned: tuple[Path, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tuned[0], tmp_path / "copy"))
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, field: "0123"}))
    settings = settings_for(llama.folder)
    base = LocalGenerator(settings, load_local(settings))
    with pytest.raises(AdapterMismatchError, match=told) as caught:
        base.tuned("causal-7", folder)
    assert "causal-7" in caught.value.message
    (folder / "card.json").unlink()
    with pytest.raises(AdapterMismatchError, match=r"card\.json"):
        base.tuned("causal-7", folder)


def test_a_really_different_base_or_prompt_is_told_apart(
    llama: Taught, tuned: tuple[Path, Path], tmp_path: Path
) -> None:
    tokenizer = llama.encoder.tokenizer
    other = save(make_llama(tokenizer, seed=5), tokenizer, tmp_path / "other")
    settings = settings_for(other)
    with pytest.raises(AdapterMismatchError, match="another base model"):
        LocalGenerator(settings, load_local(settings)).tuned("a", tuned[0])
    settings = settings_for(llama.folder, shots=1)
    with pytest.raises(AdapterMismatchError, match="INHOUSE_MODELS__SHOTS=0"):
        LocalGenerator(settings, load_local(settings)).tuned("a", tuned[0])


def test_damaged_weights_are_a_model_error_and_the_base_goes_on(
    llama: Taught, tuned: tuple[Path, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tuned[0], tmp_path / "copy"))
    (folder / "adapter_model.safetensors").write_bytes(b"nothing")
    settings = settings_for(llama.folder)
    base = LocalGenerator(settings, load_local(settings))
    with pytest.raises(ModelError, match="cannot be loaded"):
        base.tuned("a", folder)
    assert answer(base) == f"{FIRST_SENTENCES[0]} [1]"
    assert answer(base.tuned("b", tuned[1])) == f"{FIRST_SENTENCES[2]} [1]"
