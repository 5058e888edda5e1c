"""Answer, decline, or redirect: two logistic models over what retrieval and the reader saw.

Their weights are fitted by `python -m finetune.decision` on the practice questions, never by hand, and are
stored beside the reader adapter that they belong to.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.errors import ModelError
from core.interfaces import Reading
from core.reading import sigmoid
from core.types import Hit

Verdict = Literal["answer", "no_answer", "off_topic"]
FILE_NAME = "decision.json"


def features(hits: Sequence[Hit], reading: Reading, *, off_topic: float, chunks: int) -> dict[str, float]:
    """What the two models see.

    `hits` are all candidates of the search, `off_topic` the cosine to the nearest question of the off-topic
    bank. `chunks` is the size of the index: among more passages the best one is more similar by chance.
    """
    dense = sorted((hit.dense for hit in hits), reverse=True) or [0.0]
    logits = [scored.logit for scored in reading.units[:3]] or [-10.0]
    return {
        "dense_mean": sum(dense[:5]) / len(dense[:5]),
        "log_chunks": math.log(max(1, chunks)),
        "off_topic_margin": dense[0] - off_topic,
        "unit_best": logits[0],
        "unit_third": logits[-1],
        "hit_best": reading.hits[0].score if reading.hits else 0.0,
    }


@dataclass(frozen=True, slots=True)
class Logistic:
    bias: float
    weights: Mapping[str, float]

    def log_odds(self, values: Mapping[str, float]) -> float:
        return self.bias + sum(weight * values[name] for name, weight in self.weights.items())

    def probability(self, values: Mapping[str, float]) -> float:
        return sigmoid(self.log_odds(values))


@dataclass(frozen=True, slots=True)
class Decision:
    covered: Logistic  # do the passages hold the answer?
    on_topic: Logistic  # is the question one for these documents at all?
    covered_threshold: float
    on_topic_threshold: float

    @classmethod
    def load(cls, adapter: Path, fallback: Path) -> Decision:
        """From the adapter's folder, or the fallback's where the adapter brings none of its own."""
        path = next(
            (folder / FILE_NAME for folder in (adapter, fallback) if (folder / FILE_NAME).is_file()), None
        )
        if path is None:
            raise ModelError(f"{FILE_NAME} is missing from {adapter} and {fallback}. Reinstall Inhouse.")
        return cls.of(json.loads(path.read_text(encoding="utf-8")))

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Decision:
        """From the content of a decision.json."""
        return cls(
            covered=Logistic(row["covered"]["bias"], row["covered"]["weights"]),
            on_topic=Logistic(row["on_topic"]["bias"], row["on_topic"]["weights"]),
            covered_threshold=row["covered"]["threshold"],
            on_topic_threshold=row["on_topic"]["threshold"],
        )

    def verdict(
        self, values: Mapping[str, float], min_confidence: float | None = None
    ) -> tuple[Verdict, float]:
        """The verdict and the probability that the documents hold the answer."""
        covered = self.covered.probability(values)
        on_topic = self.on_topic.probability(values) >= self.on_topic_threshold
        threshold = self.covered_threshold if min_confidence is None else min_confidence
        if not on_topic:
            return "off_topic", covered
        return ("answer" if covered >= threshold else "no_answer"), covered


def off_topic_questions() -> list[str]:
    """The bank of questions that no company's documents answer: what off-topic questions are compared
    with.
    """
    lines = (Path(__file__).parent / "off_topic.txt").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith(("#", "["))]
