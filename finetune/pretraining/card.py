"""The card of a model: a template filled with what its run wrote down and what was measured."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import yaml

from finetune.datasets import write_atomically
from finetune.pretraining.log import read_log
from finetune.pretraining.shipping import DATA, LOGS, RECIPE

FIGURES, CARD = "figures.json", "README.md"
_TEMPLATE = Path(__file__).parent / "templates" / "card.md"


def has_logs(folder: Path) -> bool:
    """Whether a card can be written from them; a folder of an earlier version keeps the one that it has."""
    return all((folder / log).is_file() for log in LOGS)


def write_card(folder: Path, figures: dict[str, Any]) -> None:
    """`README.md` of the model's folder, and the figures themselves beside it."""
    write_atomically(folder / FIGURES, json.dumps(figures, indent=1, ensure_ascii=False) + "\n")
    recipe = yaml.safe_load((folder / RECIPE).read_text(encoding="utf-8"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    pretraining, tuning = (_last(read_log(folder / log)) for log in LOGS)
    questions = "\n".join(f"- {question} → {answer}" for question, answer in figures["asking"]["sample"])
    data = json.loads((folder / DATA).read_text(encoding="utf-8"))
    text = _TEMPLATE.read_text(encoding="utf-8").format(
        recipe=recipe,
        config=config,
        weights=f"{_weights(folder):,}",
        pretraining=pretraining,
        tuning=tuning,
        data="\n".join(f"- `{row['file']}` (sha256 {row['sha256'][:16]}…)" for row in data),
        figures=figures,
        questions=questions or "(none)",
        **{name: _percent(figures[name]) for name in ("free", "grounded")},
        asking=_percent(figures["asking"]),
    )
    write_atomically(folder / CARD, text)


def _last(log: list[dict[str, Any]]) -> dict[str, Any]:
    """The last line, with the minutes that the stage took."""
    return {**log[-1], "minutes": round(log[-1]["seconds"] / 60)}


def _weights(folder: Path) -> int:
    """Each once: a tied output is the embedding."""
    from safetensors import safe_open

    total = 0
    for file in folder.glob("*.safetensors"):
        with safe_open(file, "pt") as held:
            names = list(held.keys())  # it cannot be iterated over
            total += sum(math.prod(held.get_slice(name).get_shape()) for name in names)
    return total


def _percent(figures: dict[str, Any]) -> dict[str, Any]:
    """Shares as they are read: 0.873 as 87.3%."""
    return {name: f"{value:.1%}" if _is_share(name, value) else value for name, value in figures.items()}


def _is_share(name: str, value: Any) -> bool:
    return isinstance(value, float) and not name.endswith("_per_second")
