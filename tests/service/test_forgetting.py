"""Which arms the bundled questions are asked; how they are asked is tested with `finetune.regression`."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from core.bootstrap import Inhouse
from core.models.reader import SHIPPED_ADAPTER
from core.progress import Progress, silent
from core.settings import Settings
from core.types import Answer
from eval.arms import Arm
from finetune import regression
from finetune.promotion import Outcome
from finetune.registry import Registry
from service.forgetting import regression_of


def add_adapter(settings: Settings, kind: str) -> str:
    folder = settings.data_dir / kind
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(b"x")
    return Registry(settings.adapters_dir).add(folder, kind=kind, base="b")


def arm(name: str) -> Arm:
    return Arm(name, lambda question, history: Answer("", "no_answer"))


def test_readers_and_models_that_write_are_asked_about_the_other_handbook_and_what_was_lost_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(data_dir=tmp_path)
    worse, causal = add_adapter(settings, "reader"), add_adapter(settings, "causal")

    def outcomes(inhouse: Any, adapter: Path, name: str, progress: Progress) -> list[Outcome]:
        right = 40 if adapter == SHIPPED_ADAPTER else 20
        return [Outcome("answerable", f"d{n % 10}", n < right, n < right) for n in range(40)]

    monkeypatch.setattr(regression, "outcomes_of", outcomes)

    def written(
        inhouse: Any, generator: Any, settings: Settings, name: str, progress: Progress
    ) -> list[Outcome]:
        assert (generator, settings.generator) == ("a model", "transformers")
        return [Outcome("answerable", f"d{n % 10}", True, n < 30) for n in range(40)]

    monkeypatch.setattr(regression, "written_by", written)
    arms = [arm(name) for name in ("base", worse, "oracle", "nearest")]
    arms.append(replace(arm(causal), generator=lambda: cast(Any, "a model")))
    found = regression_of(Inhouse(settings), arms, silent)
    assert list(found["arms"]) == ["base", worse, causal]
    assert found["arms"][causal]["right"] == 0.75
    assert (found["arms"]["base"]["right"], found["arms"][worse]["right"]) == (1.0, 0.5)
    assert found["arms"]["base"]["kept"] is True
    assert found["arms"][worse]["kept"] is False
    assert found["arms"][worse]["lost"].startswith("of 40 questions about another handbook it gets 50.0%")
    assert found["arms"][worse]["difference"]["high"] < 0
    assert list(found["left_out"]) == ["oracle", "nearest"]
