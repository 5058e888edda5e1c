"""The plots of the HTML page: rows of text, each with an inline SVG track, so that a phone can show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from eval.comparison import Comparison
from eval.metrics import OUTCOMES
from eval.results import ArmResult
from eval.wording import points, shown

CLASSES = {"better": "good", "worse": "bad"}


def differences(comparisons: Sequence[Comparison], labels: Mapping[str, str]) -> str:
    """A forest plot: each difference with its 95% interval around the line of no difference."""
    shares = [c for c in comparisons if c.low is not None and c.high is not None and c.metric in labels]
    if not shares:
        return ""
    reach = max(max(abs(c.low or 0), abs(c.high or 0)) for c in shares) or 0.01
    rows = "".join(_difference(comparison, labels[comparison.metric], reach) for comparison in shares)
    ends = (
        (_position(-reach, reach), points(-reach)),
        ("50%", "0"),
        (_position(reach, reach), points(reach)),
    )
    scale = "".join(f"<text x='{x}' y='50%'>{text}</text>" for x, text in ends)
    rows += f"<div class='row scale'><span></span><svg>{scale}</svg><span class='number'>points</span></div>"
    return f"<div class='plot forest'>{rows}</div>"


def _difference(comparison: Comparison, label: str, reach: float) -> str:
    spots = (comparison.low, comparison.difference, comparison.high)
    low, middle, high = (_position(value or 0.0, reach) for value in spots)
    name = CLASSES.get(comparison.verdict, "")
    title = (
        f"{label}: {points(comparison.difference)} ({points(comparison.low)} to {points(comparison.high)})"
    )
    return (
        f"<div class='row {name}'><span>{escape(label)}</span>"
        f"<svg role='img' aria-label='{escape(title)}'><title>{escape(title)}</title>"
        "<line class='zero' x1='50%' x2='50%' y1='0' y2='100%'/>"
        f"<line class='span' x1='{low}' x2='{high}' y1='50%' y2='50%'/>"
        f"<circle cx='{middle}' cy='50%' r='5'/></svg>"
        f"<span class='number'>{points(comparison.difference)}</span></div>"
    )


def outcomes(results: Sequence[ArmResult]) -> str:
    """A stacked bar an arm, and under them the counts: how many questions ended how."""
    present = [name for name in OUTCOMES if any(name in result.aggregate.outcomes for result in results)]
    bars = "".join(_stack(result, present) for result in results)
    head = "".join(f"<th scope='col'>{escape(result.name)}</th>" for result in results)
    body = "".join(_outcome(name, results) for name in present)
    return (
        f"<div class='plot'>{bars}</div><div class='scroll'><table class='counts'>"
        f"<thead><tr><th scope='col'>questions</th>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _outcome(name: str, results: Sequence[ArmResult]) -> str:
    counts = "".join(f"<td>{result.aggregate.outcomes.get(name, 0)}</td>" for result in results)
    return f"<tr><th scope='row'><i class='dot o-{name}'></i>{name.replace('_', ' ')}</th>{counts}</tr>"


def _stack(result: ArmResult, names: Sequence[str]) -> str:
    counts = result.aggregate.outcomes
    total = len(result.samples)
    start, parts = 0, []
    for name in names:
        count = counts.get(name, 0)
        title = f"{name.replace('_', ' ')}: {count} of {total}"
        x, width = _percent(start / total), _percent(count / total)
        parts.append(
            f"<rect class='o-{name}' x='{x}' width='{width}' height='100%'><title>{title}</title></rect>"
        )
        start += count
    number = shown(result.aggregate.right, "share")
    return (
        f"<div class='row'><span>{escape(result.name)}</span>"
        f"<svg class='bar' aria-hidden='true'>{''.join(parts)}</svg>"
        f"<span class='number'>{number}</span></div>"
    )


def kinds(results: Sequence[ArmResult]) -> str:
    """A bar for each kind of question and arm: the share that is right."""
    by_kind = {result.name: result.aggregate.by_kind for result in results}
    rows = []
    for kind in next(iter(by_kind.values())):
        for place, result in enumerate(results):
            figures = by_kind[result.name][kind]
            label = f"{kind} <small>{figures['n']}</small>" if place == 0 else ""
            rows.append(_bar(label, result.name, place, figures.get("right")))
    return f"<div class='plot kinds'>{''.join(rows)}</div>{arm_keys([result.name for result in results])}"


def arm_keys(names: Sequence[str]) -> str:
    """Which colour is which arm."""
    keys = (f"<span><i class='a-{place % 4}'></i>{escape(name)}</span>" for place, name in enumerate(names))
    return f"<div class='legend'>{''.join(keys)}</div>"


def _bar(label: str, arm: str, place: int, value: float | int | None) -> str:
    number = shown(value, "share")
    return (
        f"<div class='row{' first' if label else ''}'><span>{label}</span>"
        f"<svg class='thin' role='img' aria-label='{escape(arm)} {number}'>"
        "<rect class='track' width='100%' height='100%'/>"
        f"<rect class='a-{place % 4}' width='{_percent(value or 0.0)}' height='100%'/></svg>"
        f"<span class='number'>{number}</span></div>"
    )


def _position(value: float, reach: float) -> str:
    """Zero in the middle; the ends leave room for a number under them."""
    return _percent(0.5 + value / reach * 0.42)


def _percent(share: float) -> str:
    return f"{share * 100:.2f}%"
