from __future__ import annotations

import json

import pytest

from core.interfaces import Decoding
from core.models.generators import SHIPPED_MODEL, LocalGenerator, load_local
from core.settings import AnsweringSettings, ModelSettings, Settings
from finetune.pretraining.card import CARD, FIGURES
from finetune.pretraining.log import read_log
from finetune.pretraining.recipe import pretrained_by
from finetune.pretraining.shipping import DATA, LOGS, RECIPE
from tests.tiny_models import PASSAGES, QUESTIONS, reading_for

EARLIER_LOG = "tuning.json"  # of the recipe of its time, which its card names
LARGEST = 45_000_000  # bytes of a file in the repository
pytestmark = pytest.mark.skipif(not SHIPPED_MODEL.is_dir(), reason="no weights are shipped")


def test_weights_stand_with_all_that_made_them() -> None:
    told = {RECIPE, DATA, CARD, FIGURES, LOGS[0], EARLIER_LOG}
    assert told <= {file.name for file in SHIPPED_MODEL.iterdir()}
    assert max(file.stat().st_size for file in SHIPPED_MODEL.iterdir()) < LARGEST
    recipe = pretrained_by(SHIPPED_MODEL / RECIPE)
    config = json.loads((SHIPPED_MODEL / "config.json").read_text(encoding="utf-8"))
    assert config["hidden_size"] == recipe.shape.hidden
    tuning = json.loads((SHIPPED_MODEL / EARLIER_LOG).read_text(encoding="utf-8"))
    assert tuning["steps"] == max(row["step"] for row in tuning["log"])
    assert read_log(SHIPPED_MODEL / LOGS[0])[-1]["seconds_left"] == 0
    assert not [row for row in json.loads((SHIPPED_MODEL / DATA).read_text()) if "xquad" in row["file"]]


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
