"""What the notes of a report say beside its table: the file, classes and confidence, all arms against each
other, what they can still do elsewhere, what it cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eval.questions import FileCheck
from eval.results import ArmResult
from eval.wording import points, shown


def checked(check: FileCheck) -> list[str]:
    """What the file is like beside its single questions."""
    lines = []
    if check.near_duplicates:
        pairs = some([f"{one} and {other}" for one, other in check.near_duplicates], 6)
        lines.append(f"{len(check.near_duplicates)} pairs of questions ask nearly the same: {pairs}.")
    for overlap in check.overlaps:
        if not overlap.learned:
            lines.append(f"{overlap.data}.")
            continue
        found = (
            f"{len(overlap.exact)} questions stand word for word among them, {len(overlap.near)} nearly so"
        )
        ids = some([*overlap.exact, *(name for name, _ in overlap.near)])
        lines.append(f"{overlap.data}, {overlap.learned} questions: {found}{f': {ids}' if ids else ''}.")
    if check.plain_pairs:
        lines.append(
            f"{check.plain_pairs} lines hold question and answer alone. They count as answerable unless the "
            "answer is the assistant's own way to decline or begins as an --off-topic phrase."
        )
    for answer, count in list(check.shared_answers.items())[:3]:
        lines.append(
            f"{count} questions have the answer {answer[:80]!r}: if that declines, name it by --off-topic."
        )
    return lines


def standings(facts: Mapping[str, Any]) -> list[str]:
    """All arms against each other, and what people and a judge model say."""
    lines = []
    if standings := facts.get("standings"):
        told = "; ".join(
            f"{row['arm']} {row['elo']:.0f}"
            + ("" if row["elo_low"] is None else f" ({row['elo_low']:.0f} to {row['elo_high']:.0f})")
            + f", wins {win_rate(row)}"
            for row in standings
        )
        lines.append(f"All arms against each other, Elo points (95% interval) and win rate: {told}.")
    if ratings := facts.get("ratings"):
        lines.append(
            f"People rated {ratings['rated_answers']} of these answers and agree with the metrics on "
            f"{shown(ratings['agree'], 'share')}; Cohen's kappa {shown(ratings['kappa'], 'score')}."
        )
    judge = facts.get("judge") or {}
    if "error" in judge:
        lines.append(f"The judge {judge['model']} did not judge: {judge['error']}")
    return lines + [_judgement(judge["model"], row) for row in judge.get("comparisons", ())]


def _judgement(model: str, row: Mapping[str, Any]) -> str:
    agreement = f"kappa with the metric {shown(row['kappa_with_metric'], 'score')}"
    if "rated_pairs" in row:
        people = shown(row["kappa_with_people"], "score")
        agreement += f", with people {people} over {row['rated_pairs']} questions whose answers they rated"
    return (
        f"The judge {model} prefers {row['arm']} to {row['base']} in {row['wins']} questions (win rate "
        f"{spanned(row['win_rate'], row['low'], row['high'])}), the other way "
        f"round in {row['losses']}; {row['ties']} ties, {row['changed_mind']} of them because the order "
        f"changed its mind; {agreement}."
    )


def win_rate(row: Mapping[str, Any]) -> str:
    """Of one row of the standings, with its interval."""
    return spanned(row["win_rate"], row["win_rate_low"], row["win_rate_high"])


def spanned(share: float | None, low: float | None, high: float | None) -> str:
    """A share with its interval, where there is one."""
    span = "" if low is None or high is None else f" ({shown(low, 'share')} to {shown(high, 'share')})"
    return f"{shown(share, 'share')}{span}"


def kept(facts: Mapping[str, Any]) -> list[str]:
    """What the arms can still do elsewhere."""
    regression, ability = facts.get("regression") or {}, facts.get("general_ability") or {}
    lines = []
    for arm, row in regression.get("arms", {}).items():
        gain = row["difference"]
        sure = gain["low"] is not None
        span = f"{points(gain['low'])} to {points(gain['high'])}" if sure else "too few documents to tell"
        lines.append(
            f"Arm {arm}, {row['questions']:.0f} questions about the bundled handbook "
            f"{regression['handbook']!r}: {shown(row['right'], 'share')} right, "
            f"{points(gain['mean'])} points to the first arm ({span})"
            + ("." if row["kept"] else f". {row['lost']}")
        )
    lines += [f"Bundled handbook, left out: {why}" for why in regression.get("left_out", {}).values()]
    for arm, tasks in ability.get("arms", {}).items():
        told = ", ".join(
            f"{task} {name} {value:.3f}" for task, values in tasks.items() for name, value in values.items()
        )
        lines.append(f"Arm {arm}, general ability: {told}.")
    lines += [f"General ability, {task}: {why}" for task, why in ability.get("left_out", {}).items()]
    return lines


def quality(result: ArmResult) -> list[str]:
    """What one figure cannot say of an arm: classes, confidence, stages, texts."""
    figures = result.aggregate
    lines = []
    classes = "; ".join(
        f"{name} {shown(row['precision'], 'share')} and {shown(row['recall'], 'share')}"
        for name, row in figures.refusals.items()
    )
    if classes:
        lines.append(f"Arm {result.name}, precision and recall by what was expected: {classes}.")
    if figures.over_refusal is not None:
        lines.append(
            f"Arm {result.name}, over-refusal: it declined {shown(figures.over_refusal, 'share')} of the "
            "questions to be answered."
        )
    curve, calibration = figures.risk_coverage, figures.calibration
    if curve and calibration:
        lines.append(
            f"Arm {result.name}, confidence: area under the risk-coverage curve {curve['aurc']:.3f} over "
            f"{curve['answered']} answers; expected calibration error {calibration['ece']:.3f}, Brier score "
            f"{calibration['brier']:.3f}."
        )
    stages = {name: row["p50"] for name, row in figures.stages_ms.items() if row["p50"]}
    if stages:
        told = ", ".join(f"{name} {ms:.0f}" for name, ms in stages.items())
        lines.append(f"Arm {result.name}, milliseconds by stage, p50: {told}.")
    counts = ", ".join(
        f"{name} {row['p50']:.0f} and {row['p95']:.0f}"
        for name, row in figures.tokens.items()
        if row["p50"] is not None and row["p95"] is not None
    )
    if counts:
        lines.append(f"Arm {result.name}, tokens of a question, p50 and p95: {counts}.")
    if figures.faults:
        told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in figures.faults.items())
        lines.append(f"Arm {result.name}, faults in the texts of answers: {told}.")
    return lines


def cost(facts: Mapping[str, Any]) -> list[str]:
    lines = []
    if peaks := facts.get("peak_memory_mb"):
        told = ", ".join(f"{name} {peak:.0f} MB" for name, peak in peaks.items())
        lines.append(f"Most memory that the process had held after each arm: {told}.")
    if facts.get("questions_at_once", 1) > 1:
        lines.append(
            f"{facts['questions_at_once']} questions were answered at a time, with one thread each: a single "
            "answer takes less time where it has all cores."
        )
    return lines


def some(ids: Sequence[str], most: int = 12) -> str:
    return ", ".join(ids[:most]) + (f" and {len(ids) - most} more" if len(ids) > most else "")
