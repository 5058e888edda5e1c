"""Model cards: what answered in an arm, from the adapter registry."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from core.errors import ModelError
from core.settings import Settings
from eval.arms import adapter_of
from finetune.registry import Registry


def model_cards(settings: Settings, arms: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Arm -> adapter, base, date, recipe, hash of its data, figures on held-out questions.

    An arm that is no adapter of this installation has no card.
    """
    cards = {}
    for name in arms:
        try:
            path, _ = adapter_of(settings, name)
        except ModelError:
            continue
        entry = next((entry for entry in Registry(settings.adapters_dir).list() if entry.path == path), None)
        if entry is not None:
            values = entry.to_json()
            cards[name] = {"adapter": values.pop("id"), **values}
        elif (path / "card.json").is_file():
            shipped = json.loads((path / "card.json").read_text(encoding="utf-8"))
            cards[name] = {"adapter": "shipped", **{k: v for k, v in shipped.items() if k != "input_format"}}
    return cards
