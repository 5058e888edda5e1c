from pathlib import Path

import pytest

from core.bootstrap import Inhouse
from core.errors import InvalidInputError
from core.models.reader import SHIPPED_ADAPTER
from core.settings import Settings
from eval.arm_names import ArmName, changed, parse
from eval.arms import adapter_of, open_arms
from finetune.registry import Registry


def add_adapter(settings: Settings, name: str, kind: str = "reader") -> str:
    folder = settings.data_dir / name
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(name.encode())
    return Registry(settings.adapters_dir).add(folder, kind=kind, base="MiniLM")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


def test_base_is_the_shipped_reader_even_where_another_is_active(settings: Settings) -> None:
    Registry(settings.adapters_dir).activate(add_adapter(settings, "new"))
    assert adapter_of(settings, "base")[0] == SHIPPED_ADAPTER


def test_tuned_is_the_active_adapter_and_an_id_is_that_adapter(settings: Settings) -> None:
    first, second = add_adapter(settings, "one"), add_adapter(settings, "two")
    Registry(settings.adapters_dir).activate(first)
    assert adapter_of(settings, "tuned")[0] == settings.adapters_dir / first
    path, description = adapter_of(settings, second)
    assert path == settings.adapters_dir / second
    assert description.startswith(second)


def test_where_none_was_promoted_tuned_is_the_newest_and_says_so(settings: Settings) -> None:
    add_adapter(settings, "one")
    second = add_adapter(settings, "two")
    path, description = adapter_of(settings, "tuned")
    assert path == settings.adapters_dir / second
    assert description.startswith("not promoted")


def test_arms_that_do_not_exist_are_named_and_the_rest_remain(settings: Settings) -> None:
    causal = add_adapter(settings, "chatty", kind="causal")
    assert "no tuned reader yet" in open_arms(Inhouse(settings), ["base", "tuned"]).skipped["tuned"]
    gone = add_adapter(settings, "gone")
    (settings.adapters_dir / gone / "adapter_model.safetensors").unlink()
    (settings.adapters_dir / gone).rmdir()
    bench = open_arms(Inhouse(settings), ["base", gone, causal, "reader-x", "base"])
    assert [arm.name for arm in bench.arms] == ["base"]
    assert f"The files of the adapter {gone} are gone" in bench.skipped[gone]
    assert "The model 'MiniLM' cannot be loaded" in bench.skipped[causal]
    assert "no adapter 'reader-x'" in bench.skipped["reader-x"]


def test_no_arm_at_all_is_refused(settings: Settings) -> None:
    with pytest.raises(InvalidInputError, match="at least one arm"):
        open_arms(Inhouse(settings), [])


@pytest.mark.parametrize(
    ("text", "how", "model", "changes"),
    [
        ("base", "retrieval", "base", ()),
        ("tuned-closed", "closed", "tuned", ()),
        ("oracle", "oracle", "base", ()),
        ("oracle:reader-1", "oracle", "reader-1", ()),
        ("nearest", "nearest", "", ()),
        ("base+prompt=qa+shots=2", "retrieval", "base", (("models.prompt", "qa"), ("models.shots", "2"))),
    ],
)
def test_the_name_of_an_arm_says_how_it_answers(text: str, how: str, model: str, changes: tuple) -> None:
    assert parse(text) == ArmName(text, how, model, changes)  # type: ignore[arg-type]  # one of the four


def test_an_arm_may_have_settings_of_its_own(settings: Settings) -> None:
    new = changed(settings, parse("base+prompt=qa+shots=2+answering.max_sentences=1+generator=openai"))
    assert (new.models.prompt, new.models.shots) == ("qa", 2)
    assert (new.answering.max_sentences, new.generator) == (1, "openai")
    assert settings.models.shots == 0


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("base+prompt", "write changes like"),
        ("base+prompt=few", "sets models.prompt to 'few'"),
        ("base+shots=many", "sets models.shots to 'many'"),
        ("base+data_dir=/x", "cannot change 'data_dir'"),
        ("base+models.embedder=x", "cannot change 'models.embedder'"),
        ("base+answering.volume=11", "cannot change 'answering.volume'"),
    ],
)
def test_a_change_that_cannot_be_made_is_refused(settings: Settings, name: str, fault: str) -> None:
    with pytest.raises(InvalidInputError, match=fault):
        open_arms(Inhouse(settings), [name])
