"""Figures and verdicts as people read them."""

from __future__ import annotations

from eval.aggregates import Aggregate
from eval.comparison import Comparison

NOTHING = "n/a"


def shown(value: float | None, unit: str) -> str:
    if value is None:
        return NOTHING
    return f"{value * 100:.1f}%" if unit == "share" else f"{value:.3f}"


def points(value: float | None, unit: str = "share") -> str:
    """A signed difference: in percentage points for shares."""
    if value is None:
        return NOTHING
    text = f"{value * 100:+.1f}" if unit == "share" else f"{value:+.3f}"
    return text if text.strip("-0.") else text.replace("-", "+")


def verdict(primary: Comparison) -> str:
    """One sentence on an arm's comparison in the primary metric, or two where nothing is clear."""
    base, arm = primary.base, primary.arm
    after, before = shown(primary.arm_value, "share"), shown(primary.base_value, "share")
    span = "" if primary.low is None else f", 95% interval {points(primary.low)} to {points(primary.high)}"
    change = f"{points(primary.difference)} points{span}"
    figures = f"{after} of {primary.n} questions right instead of {before} ({change})."
    if primary.verdict in ("better", "worse"):
        return f"{arm} is {primary.verdict} than {base}: {figures}"
    if primary.wins == primary.losses == 0:
        return f"{arm} and {base} get the same questions right: {after} of {primary.n}."
    if primary.verdict == "too few documents":
        return f"The questions rest on too few documents to tell {arm} from {base}: {figures}"
    detectable = points(primary.smallest_detectable).lstrip("+")
    return (
        f"No clear difference between {arm} and {base}: {figures} "
        f"Differences of less than {detectable} points are hard to see with these questions."
    )


def plainly(arm: str, figures: Aggregate) -> str:
    """What an arm's figures mean to those who ask, in round numbers."""
    parts = []
    if figures.answered is not None:
        correct = "" if figures.correct is None else f" and gets {figures.correct * 100:.0f} right"
        parts.append(
            f"of 100 questions that it should answer it answers {figures.answered * 100:.0f}{correct}"
        )
    if figures.wrongly_answered is not None:
        wrong = figures.wrongly_answered * 100
        parts.append(f"of 100 that it should decline it answers {wrong:.0f} all the same")
    return f"{arm}: {'; '.join(parts)}." if parts else f"{arm}: nothing could be judged."


def changes(comparison: Comparison) -> str:
    """How many questions were won and lost, and whether that could be chance."""
    p_value = "p < 0.001" if comparison.p_value < 0.001 else f"p = {comparison.p_value:.3f}"
    counts = f"{comparison.wins} won, {comparison.ties} alike, {comparison.losses} lost"
    return (
        f"{counts}; {p_value} by a sign-flip test over {comparison.clusters} documents and single questions"
    )
