"""`inhouse evaluate`: a question file, two reports or the interaction log, and the gate over each of them."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import InvalidInputError
from core.progress import console
from core.settings import Settings

if TYPE_CHECKING:
    from eval.gate import Gate
    from eval.results import EvaluationReport

DEFAULT_ARMS = ("base", "tuned")


@dataclass(frozen=True, slots=True)
class Evaluated:
    payload: dict[str, Any]
    text: str
    passed: bool = True  # false where a gate says that something got worse


def evaluate(settings: Settings, arguments: argparse.Namespace) -> Evaluated:
    """Raises InvalidInputError, and what `eval.evaluation.evaluate` raises."""
    if arguments.compare:
        return _compared(settings, arguments)
    if arguments.replay:
        return _replayed(settings, arguments)
    return _measured(settings, arguments)


def _compared(settings: Settings, arguments: argparse.Namespace) -> Evaluated:
    from eval.stored import load_report

    before, after = (load_report(Path(place)) for place in arguments.compare)
    report, gate = against(settings, before, after, arguments, arms=arguments.arms)
    return _told(report, gate)


def _replayed(settings: Settings, arguments: argparse.Namespace) -> Evaluated:
    from core.bootstrap import Inhouse
    from service import replaying

    with closing(Inhouse(settings)) as inhouse:
        done = replaying.replay(
            inhouse,
            since=arguments.since,
            arms=arguments.arms,
            tolerances=arguments.tolerance if arguments.gate else None,
            progress=console(),
        )
    told = _told(done.report, done.gate)
    return replace(told, payload={**told.payload, **done.to_json()})


def _measured(settings: Settings, arguments: argparse.Namespace) -> Evaluated:
    from eval import evaluation
    from eval.stored import load_report
    from service import learned
    from service.forgetting import regression_of

    held_out = arguments.questions == learned.HELD_OUT
    questions = Path(f"{learned.HELD_OUT}.jsonl" if held_out else arguments.questions)
    training = Path(arguments.training) if arguments.training else None
    place = Path(arguments.baseline) if arguments.baseline else baseline_place(settings, questions)
    before = load_report(_existing(place)) if arguments.gate else None  # refused before any time is spent
    arms = arguments.arms or (list(before.arms) if before else DEFAULT_ARMS)
    if held_out:
        questions, not_asked = learned.write_held_out(settings, arms)
        training = training or not_asked
    report = evaluation.evaluate(
        settings,
        questions=questions,
        arms=arms,
        training=training,
        learned=learned.learned_by(settings, arms, training),
        ratings=learned.ratings(settings),
        regression=regression_of if arguments.regression else None,
        off_topic=arguments.off_topic,
        progress=console(),
    )
    done = _told(report)
    if before is not None:
        missing = {arm: why for arm, why in report.skipped.items() if arm in before.arms}
        after = load_report(report.report)  # what is stored is rounded, as the baseline is
        compared, gate = against(settings, before, after, arguments, missing=missing)
        told = _told(compared, gate)
        payload = {**done.payload, "gate": told.payload["gate"], "compared": str(compared.report)}
        done = Evaluated(payload, f"{done.text}\n\n{told.text}", told.passed)
    return _kept(report, place, done) if arguments.save_baseline else done


def baseline_place(settings: Settings, questions: Path) -> Path:
    """Where the report stands that later ones are measured by, where no other place is named."""
    return settings.reports_dir / "baselines" / f"{questions.stem}.json"


def against(
    settings: Settings,
    before: EvaluationReport,
    after: EvaluationReport,
    arguments: argparse.Namespace,
    *,
    arms: Sequence[str] = (),
    missing: Mapping[str, str] | None = None,
) -> tuple[EvaluationReport, Gate | None]:
    """The comparison, written, and what the gate says of it where one is asked for."""
    from eval.before_after import compare_reports
    from eval.evaluation import new_folder
    from eval.gate import judge
    from eval.report import write_report

    now = datetime.now(UTC)
    report = compare_reports(before, after, folder=Path(), arms=arms, now=now)
    gate = judge(report, arguments.tolerance, missing) if arguments.gate else None
    folder = new_folder(settings.reports_dir, now, f"{report.file.path.stem}-compared")
    facts = {**report.facts, **({"gate": gate.to_json()} if gate else {})}
    report = replace(report, report=folder, facts=facts)
    write_report(report)
    return report, gate


def _existing(place: Path) -> Path:
    if not place.exists():
        raise InvalidInputError(
            f"There is no baseline at {place}: keep one by `inhouse evaluate --questions … --save-baseline`."
        )
    return place


def _kept(report: EvaluationReport, place: Path, done: Evaluated) -> Evaluated:
    """Keeps the report as the baseline, unless a gate has just refused it."""
    from eval.stored import NAME

    if not done.passed:
        return replace(done, text=f"{done.text}\nThe baseline stays as it was.")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes((report.report / NAME).read_bytes())
    return replace(
        done, payload={**done.payload, "baseline": str(place)}, text=f"{done.text}\nBaseline: {place}"
    )


def _told(report: EvaluationReport, gate: Gate | None = None) -> Evaluated:
    from eval.figures import changed
    from eval.report import changes, table

    payload = report.to_json()
    parts = [table(report, shutil.get_terminal_size((0, 0)).columns)]
    if "warnings" in report.facts:  # against an earlier time: what changed is what is looked for
        listed = [asdict(change) for change in changed(report)]
        payload |= {"warnings": list(report.facts["warnings"]), "changed": listed}
        parts += [f"{changes(report)}\n"] if listed else []
    if gate:
        payload["gate"] = gate.to_json()
    text = "\n".join([*parts, f"Report: {report.report / 'report.html'}"])
    return Evaluated(payload, text, not gate or gate.passed)
