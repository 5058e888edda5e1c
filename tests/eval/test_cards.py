from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from core.bootstrap import Inhouse
from core.settings import ModelSettings, Settings
from eval.arms import open_arms
from finetune.registry import Registry


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


def register(settings: Settings, kind: str) -> str:
    made = settings.data_dir / "made"
    made.mkdir(parents=True)
    (made / "adapter_model.safetensors").write_text(kind)
    return Registry(settings.adapters_dir).add(
        made, kind=kind, base="shipped", recipe={"epochs": 0.5}, metrics={"right": 0.8}
    )


def card(settings: Settings, arm: str) -> Mapping[str, Any]:
    (made,) = open_arms(Inhouse(settings), [arm]).arms
    return made.card


def test_base_has_the_card_of_the_shipped_reader(settings: Settings) -> None:
    found = card(settings, "base+answering.max_sentences=1")
    assert (found["adapter"], found["base"]) == ("shipped", "all-MiniLM-L6-v2")


def test_an_adapter_has_the_card_of_the_registry(settings: Settings) -> None:
    registered = register(settings, "reader")
    for arm in ("tuned", registered, "oracle:tuned"):
        found = card(settings, arm)
        assert (found["adapter"], found["recipe"]) == (registered, {"epochs": 0.5})


def test_what_is_not_the_shipped_reader_does_not_get_its_card(settings: Settings, tmp_path: Path) -> None:
    named = settings.model_copy(update={"models": ModelSettings(reader_adapter=str(tmp_path))})
    assert card(named, "base") == {}
    assert card(settings, "base+generator=openai+model=x") == {}
    assert card(settings, f"base+models.reader_adapter={tmp_path}") == {}
    writing = settings.model_copy(update={"generator": "transformers"})
    assert card(writing, "base") == {}


def test_tuned_has_the_card_of_the_kind_that_writes(settings: Settings) -> None:
    register(settings, "reader")
    causal = register(settings, "causal")
    writing = settings.model_copy(update={"generator": "transformers"})
    assert card(writing, "tuned")["adapter"] == causal
