"""Plots and tables of the page that only some evaluations have: each is empty where its figures are missing.

They read the arms' figures as report.json holds them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from eval.findings import win_rate
from eval.plots import arm_keys
from eval.wording import NOTHING, shown

Arms = Mapping[str, Mapping[str, Any]]

WIDTH, HEIGHT = 320, 200  # of a plot, in its own units
LEFT, BOTTOM, TOP, RIGHT = 40, 34, 8, 18


def sections(arms: Arms, standings: Sequence[Mapping[str, Any]] = ()) -> str:
    """All of them, each a section with its heading."""
    made = {
        "Answers that it is sure of": risk_coverage(arms),
        "Can its confidence be believed?": calibration(arms),
        "Declining, by reason": refusals(arms),
        "Time by stage": latency_by_stage(arms),
        "All arms against each other": ratings(standings),
    }
    parts = [f"<section><h2>{title}</h2>{body}</section>" for title, body in made.items() if body]
    return f"<div class='two top'>{''.join(parts)}</div>" if parts else ""


def risk_coverage(arms: Arms) -> str:
    """The share of wrong answers among those it is surest of, as more of them are given."""
    known = {name: curve["points"] for name, curve in _with(arms, "risk_coverage").items()}
    if not known:
        return ""
    most = max((point["risk"] for points in known.values() for point in points), default=0.0) or 0.01
    top = min(1.0, max(0.05, most * 1.1))
    lines = "".join(
        _line([(point["coverage"], point["risk"] / top) for point in known[name]], place)
        for place, name in enumerate(arms)
        if name in known
    )
    plot = _plot(lines, "share of the questions answered", "wrong", top, "Risk against coverage")
    text = (
        "The surest answers first: how many of them are wrong, as more questions are answered. "
        "Lower is better; a good confidence makes the line rise to the right."
    )
    return f"{plot}{arm_keys(list(arms))}<p class='quiet'>{text}</p>"


def calibration(arms: Arms) -> str:
    """A reliability diagram: a point for each group of questions of nearly the same confidence."""
    known = _with(arms, "calibration")
    if not known:
        return ""
    parts = [f"<line class='zero' x1='{_x(0)}' y1='{_y(0)}' x2='{_x(1)}' y2='{_y(1)}'/>"]
    for place, name in enumerate(arms):
        bins = known.get(name, {}).get("bins", ())
        parts.append(_line([(item["confidence"], item["share"]) for item in bins], place))
        parts += [_point(item, place, name) for item in bins]
    plot = _plot(
        "".join(parts),
        "confidence that it gave",
        "covered",
        1.0,
        "What the documents hold, against confidence",
    )
    errors = ", ".join(f"{name} {shown(item['ece'], 'share')}" for name, item in known.items())
    text = (
        "Of the questions for which it was 70% sure that the documents hold the answer, 70 in 100 should be "
        f"so: that is the line. Mean distance from it: {errors}."
    )
    return f"{plot}{arm_keys(list(arms))}<p class='quiet'>{escape(text)}</p>"


def refusals(arms: Arms) -> str:
    def both(value: Mapping[str, float | None]) -> str:
        return f"{shown(value['precision'], 'share')} / {shown(value['recall'], 'share')}"

    return _by_arm(arms, "refusals", "precision / recall", both)


def latency_by_stage(arms: Arms) -> str:
    def both(value: Mapping[str, float | None]) -> str:
        return (
            " / ".join(NOTHING if ms is None else f"{ms:.0f}" for ms in (value["p50"], value["p95"])) + " ms"
        )

    return _by_arm(arms, "stages_ms", "p50 / p95", both)


def ratings(standings: Sequence[Mapping[str, Any]]) -> str:
    """Best first, as they come."""
    if not standings:
        return ""
    rows = [(row["arm"], [_rating(row), win_rate(row)]) for row in standings]
    text = "From the questions on which two arms differ: 100 points more are won about 64 times in 100."
    return (
        _table(["arm", "Elo rating (95% interval)", "wins (95% interval)"], rows)
        + f"<p class='quiet'>{text}</p>"
    )


def _rating(row: Mapping[str, Any]) -> str:
    low, high = row["elo_low"], row["elo_high"]
    span = "" if low is None or high is None else f" ({low:.0f} to {high:.0f})"
    return f"{row['elo']:.0f}{span}"


def _with(arms: Arms, key: str) -> dict[str, Any]:
    return {name: figures[key] for name, figures in arms.items() if figures.get(key)}


def _by_arm(arms: Arms, key: str, what: str, told: Callable[[Any], str]) -> str:
    known = _with(arms, key)
    lines = dict.fromkeys(line for figures in known.values() for line in figures)
    rows = [
        (str(line), [told(known[name][line]) if line in known[name] else NOTHING for name in known])
        for line in lines
    ]
    return _table([what, *known], rows) if rows else ""


def _table(head: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    top = "".join(f"<th scope='col'>{escape(text)}</th>" for text in head)
    body = "".join(
        f"<tr><th scope='row'>{escape(line.replace('_', ' '))}</th>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for line, cells in rows
    )
    return (
        f"<div class='scroll' tabindex='0' role='region' aria-label='{escape(head[0])}'><table>"
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _plot(body: str, across: str, up: str, top: float, name: str) -> str:
    """Axes from 0 to 1 across and 0 to `top` up, around what is drawn."""
    marks = [
        f"<line class='axis' x1='{_x(0)}' y1='{_y(0)}' x2='{_x(1)}' y2='{_y(0)}'/>",
        f"<line class='axis' x1='{_x(0)}' y1='{_y(0)}' x2='{_x(0)}' y2='{_y(1)}'/>",
    ]
    for share in (0.0, 0.5, 1.0):
        marks.append(f"<text x='{_x(share)}' y='{HEIGHT - 19}'>{share:.0%}</text>")
        marks.append(f"<text class='end' x='{LEFT - 5}' y='{_y(share) + 4:.1f}'>{share * top:.0%}</text>")
    marks.append(f"<text x='{_x(0.5)}' y='{HEIGHT - 4}'>{escape(across)}</text>")
    label = escape(f"{name}: {up} up, {across} across")
    view = f"viewBox='0 0 {WIDTH} {HEIGHT}' role='img' aria-label='{label}'"
    return f"<svg class='curve' {view}>{''.join(marks)}{body}</svg>"


def _line(points: Sequence[tuple[float, float]], place: int) -> str:
    path = " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in points)
    return f"<polyline class='l-{place % 4}' points='{path}'/>" if len(points) > 1 else ""


def _point(item: Mapping[str, Any], place: int, arm: str) -> str:
    title = (
        f"{arm}: {item['n']} questions of confidence {item['confidence']:.2f}, {item['share']:.0%} covered"
    )
    spot = f"cx='{_x(item['confidence']):.1f}' cy='{_y(item['share']):.1f}'"
    return f"<circle class='a-{place % 4}' {spot} r='4'><title>{escape(title)}</title></circle>"


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)
