"""Figures and verdicts as people read them."""

from __future__ import annotations

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
    return f"{value * 100:+.1f}" if unit == "share" else f"{value:+.3f}"


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


def changes(comparison: Comparison) -> str:
    """How many questions were won and lost, and whether that could be chance."""
    p_value = "p < 0.001" if comparison.p_value < 0.001 else f"p = {comparison.p_value:.3f}"
    counts = f"{comparison.wins} won, {comparison.ties} alike, {comparison.losses} lost"
    return (
        f"{counts}; {p_value} by a sign-flip test over {comparison.clusters} documents and single questions"
    )
