"""How well an arm tells what to answer from what to decline, and whether its confidence can be believed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from eval.metrics import EXPECTED, Sample
from eval.questions import ANSWER_KINDS

CLASSES = ("answer", "no_answer", "off_topic")
BINS = 10
_POINTS = 21  # of the curve that the report shows


def confusion(samples: Sequence[Sample]) -> dict[str, dict[str, int]]:
    """What was expected against what came. An injection may be declined as off-topic or blocked."""
    table: dict[str, Counter[str]] = {}
    for sample in samples:
        table.setdefault(" or ".join(EXPECTED[sample.kind]), Counter())[sample.answer_type] += 1
    order = dict.fromkeys(" or ".join(types) for types in EXPECTED.values())
    return {expected: dict(table[expected]) for expected in order if expected in table}


def by_class(samples: Sequence[Sample]) -> dict[str, dict[str, float | int | None]]:
    """Precision, recall and F1 of answer, no_answer and off_topic. A blocked question counts as off-topic;
    one that failed is of no class.
    """
    wanted = [_class(EXPECTED[sample.kind][0]) for sample in samples]
    came = [_class(sample.answer_type) for sample in samples]
    scores: dict[str, dict[str, float | int | None]] = {}
    for name in CLASSES:
        expected, got = wanted.count(name), came.count(name)
        if not expected and not got:
            continue
        hits = sum(one == other == name for one, other in zip(wanted, came, strict=True))
        precision, recall = _share(hits, got), _share(hits, expected)
        f1 = _share(2 * hits, got + expected)
        scores[name] = {"n": expected, "got": got, "precision": precision, "recall": recall, "f1": f1}
    return scores


def _class(answer_type: str) -> str:
    return "off_topic" if answer_type == "blocked" else answer_type


def risk_coverage(samples: Sequence[Sample]) -> dict[str, Any] | None:
    """The share of wrong answers (risk) among the most confident ones, by how many of all judged questions
    they are (coverage), and the area under it, AURC (Geifman and El-Yaniv 2017).

    Of what was answered; a question to be declined that was answered is wrong. None where nothing was.
    """
    judged = [sample for sample in samples if sample.right is not None]
    answered = [s for s in judged if s.answer_type == "answer" and s.confidence is not None]
    if not answered:
        return None
    ordered = sorted(answered, key=lambda sample: -(sample.confidence or 0.0))
    risks = []
    wrong = 0.0
    for count, sample in enumerate(ordered, 1):
        wrong += not sample.right
        risks.append(wrong / count)
    places = sorted({round(step * (len(risks) - 1) / (_POINTS - 1)) for step in range(_POINTS)})
    points = [
        {
            "coverage": round((place + 1) / len(judged), 4),
            "risk": round(risks[place], 4),
            "confidence": round(ordered[place].confidence or 0.0, 4),
        }
        for place in places
    ]
    return {"aurc": round(sum(risks) / len(risks), 4), "answered": len(risks), "points": points}


def calibration(samples: Sequence[Sample]) -> dict[str, Any] | None:
    """The decision's probability that the documents hold the answer, against whether they do: expected
    calibration error over ten equal bins (Guo et al. 2017), Brier score. None where no answer brings one.
    """
    known = [(s.confidence, s.kind in ANSWER_KINDS) for s in samples if s.confidence is not None]
    if not known:
        return None
    bins: dict[int, list[tuple[float, bool]]] = {}
    for confidence, covered in known:
        bins.setdefault(min(BINS - 1, int(confidence * BINS)), []).append((confidence, covered))
    rows = [_bin(place, bins[place]) for place in sorted(bins)]
    error = sum(row["n"] * abs(row["confidence"] - row["share"]) for row in rows) / len(known)
    brier = sum((confidence - covered) ** 2 for confidence, covered in known) / len(known)
    rounded = [{name: round(value, 4) for name, value in row.items()} for row in rows]
    return {"ece": round(error, 4), "brier": round(brier, 4), "n": len(known), "bins": rounded}


def _bin(place: int, members: Sequence[tuple[float, bool]]) -> Mapping[str, float]:
    return {
        "from": place / BINS,
        "to": (place + 1) / BINS,
        "n": len(members),
        "confidence": sum(confidence for confidence, _ in members) / len(members),
        "share": sum(covered for _, covered in members) / len(members),
    }


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None
