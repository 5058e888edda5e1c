"""Model cards: what answers in an arm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.settings import Settings
from finetune.registry import Registry


def card_of(settings: Settings, adapter: Path) -> dict[str, Any]:
    """Adapter, base, date, recipe, hash of its data, figures on held-out questions.

    Empty where the folder is neither the shipped reader nor an adapter of this installation.
    """
    from core.models.reader import SHIPPED_ADAPTER

    if adapter == SHIPPED_ADAPTER:
        shipped = json.loads((adapter / "card.json").read_text(encoding="utf-8"))
        return {"adapter": "shipped", **{k: v for k, v in shipped.items() if k != "input_format"}}
    try:
        entry = Registry(settings.adapters_dir).get(adapter.name)
    except ModelError:
        return {}
    values = entry.to_json()
    return {"adapter": values.pop("id"), **values} if entry.path == adapter else {}
