from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from core.errors import InvalidInputError
from core.interfaces import Decoding
from core.models.generators import SHIPPED_MODEL, LocalGenerator, load_local
from core.settings import AnsweringSettings, ModelSettings, Settings
from finetune.pretraining import figures
from finetune.pretraining.card import CARD, FIGURES
from finetune.pretraining.log import read_log
from finetune.pretraining.shipping import DATA, LOGS, RECIPE
from tests.tiny_models import PASSAGES, QUESTIONS, reading_for

EARLIER_LOG = "tuning.json"  # of the recipe of its time, which its card names
LARGEST = 45_000_000  # bytes of a file in the repository
pytestmark = pytest.mark.skipif(not SHIPPED_MODEL.is_dir(), reason="no weights are shipped")


def test_weights_stand_with_all_that_made_them() -> None:
    told = {RECIPE, DATA, CARD, FIGURES, LOGS[0], EARLIER_LOG}
    assert told <= {file.name for file in SHIPPED_MODEL.iterdir()}
    assert max(file.stat().st_size for file in SHIPPED_MODEL.iterdir()) < LARGEST
    recipe = yaml.safe_load((SHIPPED_MODEL / RECIPE).read_text(encoding="utf-8"))
    config = json.loads((SHIPPED_MODEL / "config.json").read_text(encoding="utf-8"))
    assert config["hidden_size"] == recipe["shape"]["hidden"]
    assert read_log(SHIPPED_MODEL / LOGS[0])[-1]["seconds_left"] == 0
    assert not [row for row in json.loads((SHIPPED_MODEL / DATA).read_text()) if "xquad" in row["file"]]


def test_a_folder_of_another_version_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"holds no tuning\.jsonl"):
        figures.main(["--model", str(SHIPPED_MODEL), "--corpus", str(tmp_path), "--xquad", "none"])


def test_it_quotes_in_grounded_decoding_where_no_model_is_named() -> None:
    settings = Settings(
        generator="transformers",
        models=ModelSettings(threads=1),
        answering=AnsweringSettings(grounded=True),
    )
    generator = LocalGenerator(settings, load_local(settings))
    for place, question in enumerate(QUESTIONS):
        *_, draft = generator.stream(question, reading_for(place), (), Decoding())
        assert all(scored.unit.text in " ".join(text for _, text in PASSAGES) for scored in draft.quotes)
        assert draft.finish_reason == "stop"
