"""Model cards: what answered in an arm, from the adapter registry."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from core.errors import ModelError
from core.settings import Settings
from eval.arm_names import parse
from eval.arms import READER, tuned_entry
from finetune.registry import Registry


def model_cards(settings: Settings, arms: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Arm -> adapter, base, date, recipe, hash of its data, figures on held-out questions.

    An arm that is no adapter of this installation has no card.
    """
    cards = {}
    for name in arms:
        if card := _card(settings, name):
            cards[name] = card
    return cards


def _card(settings: Settings, arm: str) -> dict[str, Any] | None:
    from core.models.reader import SHIPPED_ADAPTER

    model = parse(arm).model
    if model == "base" and settings.generator == READER:
        shipped = json.loads((SHIPPED_ADAPTER / "card.json").read_text(encoding="utf-8"))
        return {"adapter": "shipped", **{k: v for k, v in shipped.items() if k != "input_format"}}
    try:
        tuned = model == "tuned"
        entry = tuned_entry(settings, READER)[0] if tuned else Registry(settings.adapters_dir).get(model)
    except ModelError:
        return None
    values = entry.to_json()
    return {"adapter": values.pop("id"), **values}
