"""Moves the decision to a tuned adapter's logits, on questions that it was not trained on.

The decision is fitted to the shipped reader on a few hundred observations of a practice handbook. A tuned
reader scores higher or lower, so the same line between answering and declining lies elsewhere. What was
fitted is kept as a prior: of its log-odds s a line a * s + b is fitted (Platt, 1999), which small data move
little. It is used only where it decides better on questions that it was not fitted on, in turn.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.decision import FILE_NAME, Decision
from core.progress import Progress
from core.types import QAPair
from finetune.decision import Observation, observe
from finetune.promotion import without_its_passage

if TYPE_CHECKING:
    from core.bootstrap import Inhouse

PRIOR = 2.0  # weight of the fitted decision, in questions of each class
FOLDS = 5
FEWEST = 6  # questions of each class, else nothing is changed
FEWEST_GROUPS = 3


@dataclass(frozen=True, slots=True)
class Calibration:
    questions: int
    before: float  # mean share of both classes decided right by the decision as it was
    after: float  # the same by the moved one, on questions that it was not fitted on
    used: bool

    def to_json(self) -> dict[str, float]:
        return {"questions": self.questions, "before": self.before, "after": self.after, "used": self.used}


def calibrate(
    tuned: Inhouse, adapter: Path, pairs: Sequence[QAPair], progress: Progress
) -> Calibration | None:
    """Writes the moved decision into the adapter's folder where it pays; None where there are too few pairs.

    `tuned` answers with the adapter.
    """
    asked = [pair for pair in pairs if pair.kind not in ("offtopic", "injection")]
    observations = observe(tuned, asked, progress, seen_by=without_its_passage)
    row = json.loads(_decision_file(adapter).read_text(encoding="utf-8"))
    found = moved(row, observations, [pair.id.removesuffix("-withheld") for pair in asked])
    if found is None:
        return None
    new, calibration = found
    if calibration.used:
        (adapter / FILE_NAME).write_text(json.dumps(new, indent=2) + "\n", encoding="utf-8")
    return calibration


def moved(
    row: Mapping[str, Any], observations: Sequence[Observation], groups: Sequence[str]
) -> tuple[dict[str, Any], Calibration] | None:
    """(the content of decision.json with its line moved, what that is worth), or None: too few questions."""
    decision = Decision.of(row)
    scores = np.array([decision.covered.log_odds(item.values) for item in observations])
    labels = np.array([item.kind == "answerable" for item in observations])
    if min(labels.sum(), (~labels).sum()) < FEWEST or len(set(groups)) < FEWEST_GROUPS:
        return None
    folds = _folds(groups, min(FOLDS, len(set(groups))))
    after = np.empty(len(scores))  # log-odds by the line of the other folds
    for fold in set(folds.tolist()):
        inside = folds == fold
        slope, shift = _line(scores[~inside], labels[~inside])
        after[inside] = slope * scores[inside] + shift
    slope, shift = _line(scores, labels)
    covered = row["covered"]
    new = {
        **row,
        "covered": {
            **covered,
            "bias": round(slope * covered["bias"] + shift, 5),
            "weights": {name: round(slope * weight, 5) for name, weight in covered["weights"].items()},
        },
    }
    was, becomes = _balanced(scores >= 0, labels), _balanced(after >= 0, labels)
    better = becomes >= was and _loss(after, labels) < _loss(scores, labels)
    return new, Calibration(len(scores), was, becomes, used=better)


def _line(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> tuple[float, float]:
    """(a, b) by Newton's method on the balanced log-loss, drawn towards (1, 0)."""
    weights = np.where(labels, 0.5 / max(1, labels.sum()), 0.5 / max(1, (~labels).sum())) * len(labels)
    inputs = np.stack([scores, np.ones_like(scores)], axis=1)
    prior, line = np.array([1.0, 0.0]), np.array([1.0, 0.0])
    for _ in range(30):
        chance = 1 / (1 + np.exp(-np.clip(inputs @ line, -30, 30)))
        slope = inputs.T @ (weights * (chance - labels)) + PRIOR * (line - prior)
        bend = (inputs * (weights * chance * (1 - chance))[:, None]).T @ inputs + PRIOR * np.eye(2)
        line = line - np.linalg.solve(bend, slope)
    return max(0.1, float(line[0])), float(line[1])


def _loss(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> float:
    """The balanced log-loss, which tells more of few questions than the share decided right."""
    losses = np.logaddexp(0, np.where(labels, -scores, scores))
    return float(losses[labels].mean() + losses[~labels].mean())


def _balanced(answered: NDArray[np.bool_], labels: NDArray[np.bool_]) -> float:
    return round(float(answered[labels].mean() + (~answered[~labels]).mean()) / 2, 4)


def _folds(groups: Sequence[str], count: int) -> NDArray[np.int64]:
    """Whole groups, the largest first, each to the fold that holds least."""
    sizes = {group: groups.count(group) for group in sorted(set(groups))}
    held, fold_of = [0] * count, {}
    for group in sorted(sizes, key=lambda name: -sizes[name]):
        fold_of[group] = held.index(min(held))
        held[fold_of[group]] += sizes[group]
    return np.array([fold_of[group] for group in groups])


def _decision_file(adapter: Path) -> Path:
    from core.models.reader import SHIPPED_ADAPTER

    own = adapter / FILE_NAME
    return own if own.is_file() else SHIPPED_ADAPTER / FILE_NAME
