from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from core.models.generators import LocalGenerator, load_local
from core.settings import ModelSettings, Settings
from eval import general_ability as measured
from eval.general_ability import NOT_INSTALLED, general_ability
from tests.tiny_models import PASSAGES, QUESTIONS, make_llama, make_tokenizer, save

TASK = """
task: {name}
dataset_path: json
dataset_kwargs:
  data_files: {{test: {file}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: answer
metric_list: [{{metric: acc}}]
"""


def test_where_no_model_of_ours_writes_nothing_is_said() -> None:
    assert general_ability([]) is None


def test_without_the_harness_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "PACKAGE", "no_such_package")
    unused: Any = [("base", lambda: None)]
    assert general_ability(unused) == {"arms": {}, "left_out": {"all": NOT_INSTALLED}}


@pytest.mark.skipif(find_spec("lm_eval") is None, reason="lm-evaluation-harness is not installed")
def test_a_task_with_data_is_measured_and_one_without_is_named(tmp_path: Path) -> None:
    from lm_eval.tasks import TaskManager

    rows = [{"question": "Meals?", "choices": [" yes", " no"], "answer": n % 2} for n in range(6)]
    data = tmp_path / "data.json"
    data.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(TASK.format(name="mine", file=data), encoding="utf-8")
    (tmp_path / "bare.yaml").write_text(
        TASK.format(name="bare", file=tmp_path / "gone.json"), encoding="utf-8"
    )
    tokenizer = make_tokenizer([text for _, text in PASSAGES] + list(QUESTIONS))
    save(make_llama(tokenizer), tokenizer, tmp_path / "model")
    settings = Settings(generator="transformers", models=ModelSettings(model=str(tmp_path / "model")))
    generator = LocalGenerator(settings, load_local(settings))
    manager = TaskManager(include_path=str(tmp_path), include_defaults=False)
    found = general_ability([("base", lambda: generator)], ["mine", "bare"], task_manager=manager)
    assert found is not None
    assert found["arms"]["base"]["mine"]["acc"] == 0.5
    assert list(found["left_out"]) == ["bare"]
