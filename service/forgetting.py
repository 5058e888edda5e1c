"""Whether the arms of an evaluation have lost what the shipped reader can: questions about another handbook,
which come with Inhouse and which no reader is trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from core.errors import ModelError
from core.progress import Progress
from eval.arm_names import changed, parse
from eval.arms import READER, adapter_of
from finetune import promotion, regression
from service.adapters import registry_of

if TYPE_CHECKING:
    from pathlib import Path

    from core.bootstrap import Inhouse

NOT_A_READER = "the bundled questions are for readers, which choose among passages"


def regression_of(inhouse: Inhouse, arms: Sequence[str], progress: Progress) -> dict[str, Any]:
    """Shares of the bundled questions done right by each arm with a reader of its own, the difference from
    the first of them with its interval, and why an arm was left out.
    """
    found: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    first: list[promotion.Outcome] | None = None
    for arm in arms:
        try:
            adapter = _reader_of(inhouse, arm)
        except ModelError as error:
            left_out[arm] = error.message
            continue
        outcomes = regression.outcomes_of(inhouse, adapter, arm, progress)
        first = first or outcomes
        gain = promotion.difference(first, outcomes, regression.SEED)
        kept, lost = promotion.kept(promotion.summary(first), promotion.summary(outcomes))
        found[arm] = {
            **promotion.summary(outcomes),
            "difference": asdict(gain),
            "kept": kept,
            "lost": lost.removeprefix("Not promoted: "),
        }
    return {"handbook": regression.HANDBOOK.name, "arms": found, "left_out": left_out}


def _reader_of(inhouse: Inhouse, arm: str) -> Path:
    """Raises ModelError where the arm has none of its own, or answers otherwise than by reading."""
    name = parse(arm)
    if name.how != "retrieval" or changed(inhouse.settings, name).generator != READER:
        raise ModelError(f"{arm}: {NOT_A_READER}.")
    if name.model not in ("base", "tuned") and registry_of(inhouse.settings).get(name.model).kind != READER:
        raise ModelError(f"{arm}: {NOT_A_READER}.")
    return adapter_of(inhouse.settings, name.model)[0]
