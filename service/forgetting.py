"""Whether the arms of an evaluation have lost what the shipped reader can: questions about another handbook,
which come with Inhouse and which no model of it is trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from core.errors import ModelError
from core.progress import Progress
from eval.arm_names import changed, parse
from eval.arms import READER, Arm, adapter_of
from finetune import promotion, regression

if TYPE_CHECKING:
    from core.bootstrap import Inhouse

NO_MODEL_OF_ITS_OWN = "the bundled questions are for models of this process that are shown what was found"


def regression_of(inhouse: Inhouse, arms: Sequence[Arm], progress: Progress) -> dict[str, Any]:
    """Shares of the bundled questions done right by each arm with a model of its own, the difference from
    the first of them with its interval, and why an arm was left out.
    """
    found: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    first: list[promotion.Outcome] | None = None
    for arm in arms:
        try:
            outcomes = _outcomes(inhouse, arm, progress)
        except ModelError as error:
            left_out[arm.name] = error.message
            continue
        first = first or outcomes
        gain = promotion.difference(first, outcomes, regression.SEED)
        kept, lost = promotion.kept(promotion.summary(first), promotion.summary(outcomes))
        found[arm.name] = {
            **promotion.summary(outcomes),
            "difference": asdict(gain),
            "kept": kept,
            "lost": lost.removeprefix("Not promoted: "),
        }
    return {"handbook": regression.HANDBOOK.name, "arms": found, "left_out": left_out}


def _outcomes(inhouse: Inhouse, arm: Arm, progress: Progress) -> list[promotion.Outcome]:
    """Raises ModelError where the arm has no model of its own, or is shown other passages."""
    name = parse(arm.name)
    settings = changed(inhouse.settings, name)
    if name.how == "retrieval" and arm.generator:
        settings = settings.model_copy(update={"generator": "transformers"})
        return regression.written_by(inhouse, arm.generator(), settings, arm.name, progress)
    if name.how == "retrieval" and settings.generator == READER:
        adapter, _ = adapter_of(settings, name.model)
        return regression.outcomes_of(inhouse, adapter, arm.name, progress)
    raise ModelError(f"{arm.name}: {NO_MODEL_OF_ITS_OWN}.")
