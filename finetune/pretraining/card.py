"""The card of a model: a template filled with what its run wrote down and what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from finetune.datasets import write_atomically
from finetune.pretraining.log import read_log
from finetune.pretraining.shipping import DATA, LOGS, RECIPE

FIGURES, CARD = "figures.json", "README.md"
_TEMPLATE = Path(__file__).parent / "templates" / "card.md"


def write_card(folder: Path, figures: dict[str, Any]) -> None:
    """`README.md` of the model's folder, and the figures themselves beside it."""
    write_atomically(folder / FIGURES, json.dumps(figures, indent=1, ensure_ascii=False) + "\n")
    recipe = yaml.safe_load((folder / RECIPE).read_text(encoding="utf-8"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    last = read_log(folder / LOGS[0])[-1]
    tuning = json.loads((folder / LOGS[1]).read_text(encoding="utf-8"))
    weights = tuning["plan"]["costs"]["parameters"]
    questions = "\n".join(f"- {question} → {answer}" for question, answer in figures["asking"]["sample"])
    data = json.loads((folder / DATA).read_text(encoding="utf-8"))
    text = _TEMPLATE.read_text(encoding="utf-8").format(
        recipe=recipe,
        config=config,
        weights=f"{weights:,}",
        last=last,
        minutes=round(last["seconds"] / 60),
        tuning=tuning,
        tuning_minutes=round(tuning["seconds"] / 60),
        data="\n".join(f"- `{row['file']}` (sha256 {row['sha256'][:16]}…)" for row in data),
        figures=figures,
        questions=questions or "(none)",
        **{name: _percent(figures[name]) for name in ("free", "grounded")},
        asking=_percent(figures["asking"]),
    )
    write_atomically(folder / CARD, text)


def _percent(figures: dict[str, Any]) -> dict[str, Any]:
    """Shares as they are read: 0.873 as 87.3%."""
    return {name: f"{value:.1%}" if _is_share(name, value) else value for name, value in figures.items()}


def _is_share(name: str, value: Any) -> bool:
    return isinstance(value, float) and not name.endswith("_per_second")
