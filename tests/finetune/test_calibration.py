"""The decision's line follows a reader whose scores have moved, and stays where little is known."""

from __future__ import annotations

import json
import random
from pathlib import Path

from core.decision import Decision
from core.progress import silent
from finetune import datasets
from finetune.calibration import calibrate, moved
from finetune.decision import Observation
from finetune.generation import generate_qa
from finetune.promotion import ask_all, summary
from tests.finetune.building import small_inhouse
from tests.finetune.test_tuning import offices

ROW = {
    "covered": {"bias": 0.0, "weights": {"unit_best": 1.0}, "threshold": 0.5},
    "on_topic": {"bias": 9.0, "weights": {}, "threshold": 0.5},
}


def observed(count: int, shift: float) -> tuple[list[Observation], list[str]]:
    """As many of both classes, two log-odds from the line before the shift, five questions a document."""
    rng = random.Random(7)
    rows = []
    for number in range(count):
        kind, center = ("answerable", 2.0) if number % 2 else ("unanswerable", -2.0)
        rows.append(Observation(kind, {"unit_best": rng.gauss(center + shift, 1.0)}))
    return rows, [f"doc{number // 5}" for number in range(count)]


def test_the_line_follows_a_reader_that_scores_higher() -> None:
    found = moved(ROW, *observed(60, shift=3.0))
    assert found is not None
    new, calibration = found
    assert calibration.used
    assert calibration.after > 0.9 > 0.75 > calibration.before
    decision = Decision.of(new)
    unseen, _ = observed(200, shift=3.0)
    right = [(decision.verdict(row.values)[0] == "answer") == (row.kind == "answerable") for row in unseen]
    assert sum(right) / len(right) >= 0.9


def test_a_line_that_was_right_stays() -> None:
    found = moved(ROW, *observed(60, shift=0.0))
    assert found is not None
    new, _ = found
    line = -new["covered"]["bias"] / new["covered"]["weights"]["unit_best"]
    assert abs(line) < 0.3


def test_few_questions_move_nothing() -> None:
    assert moved(ROW, *observed(10, shift=3.0)) is None
    rows, _ = observed(60, shift=3.0)
    assert moved(ROW, rows, ["one document"] * 60) is None


def test_the_decision_beside_an_adapter_is_moved_and_declines_less(tmp_path: Path) -> None:
    """A decision that is too strict by two log-odds for what the stand-in reader scores."""
    strict = {"bias": 0.0, "weights": {"unit_best": 1.0}, "threshold": 0.5}
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "decision.json").write_text(json.dumps({**ROW, "covered": strict}))
    with small_inhouse(tmp_path / "data", offices()) as inhouse:
        pairs = datasets.load(generate_qa(inhouse).dataset)
        found = calibrate(inhouse, adapter, pairs, silent)
        assert found is not None
        assert found.used
        assert found.questions == sum(pair.kind in ("answerable", "unanswerable") for pair in pairs)
        asked = [pair for pair in pairs if pair.kind == "answerable"]
        before = Decision.of({**ROW, "covered": strict})
        after = Decision.load(adapter, adapter)
        declined = []
        for decision in (before, after):
            inhouse.__dict__.pop("answerer", None)
            inhouse.__dict__.update(decision=decision)
            declined.append(summary(ask_all(inhouse.answerer, asked, "x"))["over_refusal"])
        assert declined[1] < declined[0]
