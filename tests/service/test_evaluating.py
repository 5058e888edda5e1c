"""`inhouse evaluate` as it is typed: compared reports, baselines and the gate, over arms that are at hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from core.types import Answer, Message
from eval import evaluation
from eval.arms import Arm, Bench
from eval.gate import TOLERABLE
from eval.questions import load_questions
from eval.results import EvaluationReport
from service import argument_types, cli
from tests.eval.building import answer, write_lines

ROWS = [
    {
        "id": f"q{n}",
        "kind": "answerable",
        "question": f"Question {n}?",
        "keywords": ["27 days"],
        "evidence": [],
    }
    for n in range(40)
]


class Desk:
    """An installation whose arms are right in the first questions; how many is set before each command."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.data, self.questions = folder / "data", write_lines(folder / "handbook.jsonl", ROWS)
        self.right = {"base": 30}
        self._capsys = capsys

    def __call__(self, *arguments: object) -> tuple[int, dict[str, Any]]:
        """Exit status and JSON."""
        status = cli.main(["evaluate", "--json", "--data-dir", str(self.data), *map(str, arguments)])
        return status, json.loads(self._capsys.readouterr().out.splitlines()[-1])

    def measure(self, *arguments: object) -> tuple[int, dict[str, Any]]:
        return self("--questions", self.questions, *arguments)

    def told(self, *arguments: object) -> str:
        """What people read."""
        cli.main(["evaluate", "--data-dir", str(self.data), *map(str, arguments)])
        return self._capsys.readouterr().out

    def evaluate(
        self, settings: Settings, *, questions: Path, arms: Sequence[str], **_: Any
    ) -> EvaluationReport:
        """In place of `eval.evaluation.evaluate`, whose arms need an index and models."""
        bench = Bench(
            tuple(Arm(name, self._reply(self.right[name])) for name in arms if name in self.right),
            {name: "Its files are gone." for name in arms if name not in self.right},
        )
        return evaluation.run(load_questions(questions), bench, folder=settings.reports_dir)

    def _reply(self, right: int) -> Callable[[str, Sequence[Message]], Answer]:
        known = {row["question"]: place for place, row in enumerate(ROWS)}
        return lambda text, history: answer("27 days" if known.get(text, 0) < right else "It depends.")


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk(tmp_path, capsys)
    monkeypatch.setattr(evaluation, "evaluate", made.evaluate)
    return made


def test_the_gate_compares_with_the_baseline_that_was_kept(desk: Desk) -> None:
    status, kept = desk.measure("--arms", "base", "--save-baseline")
    assert status == 0
    assert Path(kept["baseline"]) == desk.data / "reports" / "baselines" / "handbook.json"
    status, same = desk.measure("--gate")
    assert (status, same["gate"]["passed"]) == (0, True)
    desk.right["base"] = 20
    status, worse = desk.measure("--gate")
    assert (status, worse["gate"]["passed"]) == (1, False)
    assert worse["gate"]["reasons"][0].startswith("base after, questions right: 50.0% instead of 75.0%")
    assert worse["arms"]["base"]["right"] == 0.5
    assert "The gate is not passed" in (Path(worse["compared"]) / "report.md").read_text()
    assert desk.measure("--gate", "--tolerance", "right=25")[0] == 0


def test_equal_answers_differ_in_no_figure_though_stored_ones_are_rounded(desk: Desk) -> None:
    write_lines(desk.questions, [{**row, "answer": "You get 27 days a year or so."} for row in ROWS])
    desk.measure("--arms", "base", "--save-baseline")
    compared = Path(desk.measure("--gate")[1]["compared"]) / "report.json"
    found = json.loads(compared.read_text())["comparisons"]
    assert {"token_f1", "rouge_l"} <= {comparison["metric"] for comparison in found}
    assert {(comparison["difference"], comparison["verdict"]) for comparison in found} == {
        (0.0, "no clear difference")
    }


def test_people_read_why_the_gate_is_not_passed_and_what_changed(desk: Desk) -> None:
    desk.measure("--arms", "base", "--save-baseline")
    desk.right["base"] = 20
    told = desk.told("--questions", desk.questions, "--gate")
    assert "The gate is not passed: base after, questions right: 50.0% instead of 75.0%" in told
    assert "q20: right -> reader missed (base after)  Question 20?" in told


def test_the_baseline_stays_where_the_gate_is_not_passed_and_moves_where_it_is(
    desk: Desk, tmp_path: Path
) -> None:
    place = tmp_path / "ci" / "baseline.json"
    desk.measure("--arms", "base", "--save-baseline", "--baseline", place)
    before = place.read_bytes()
    desk.right["base"] = 20
    assert desk.measure("--gate", "--save-baseline", "--baseline", place)[0] == 1
    assert place.read_bytes() == before
    desk.right["base"] = 35
    assert desk.measure("--gate", "--save-baseline", "--baseline", place)[0] == 0
    assert json.loads(place.read_text())["arms"]["base"]["right"] == 0.875


def test_an_arm_of_the_baseline_that_is_gone_fails_the_gate(desk: Desk) -> None:
    desk.right["tuned"] = 35
    desk.measure("--save-baseline")
    del desk.right["tuned"]
    status, told = desk.measure("--gate")
    assert status == 1
    assert told["gate"]["reasons"] == ["tuned could not be evaluated: Its files are gone."]


def test_without_a_baseline_the_gate_says_how_to_keep_one(desk: Desk) -> None:
    status, told = desk.measure("--gate")
    assert status == 1
    assert "--save-baseline" in told["error"]["message"]
    assert not (desk.data / "reports").exists()


def test_two_reports_are_compared_and_gated_without_asking_again(desk: Desk) -> None:
    first = desk.measure("--arms", "base")[1]["report"]
    desk.right = {"mine": 20}
    second = desk.measure("--arms", "mine")[1]["report"]
    status, told = desk("--compare", first, Path(second) / "report.json")
    assert status == 0
    assert told["verdict"].startswith("mine after is worse than base before")
    assert [change["id"] for change in told["changed"]] == [f"q{n}" for n in range(20, 30)]
    assert "gate" not in told
    assert desk("--compare", first, second, "--gate")[0] == 1
    assert desk("--compare", second, first, "--gate")[0] == 0
    status, told = desk("--compare", first, second, "--arms", "base")
    assert (status, told["error"]["code"]) == (1, "invalid_input")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--questions", "q", "--replay"],
        ["--compare", "a"],
        ["--compare", "a", "b", "--save-baseline"],
        ["--questions", "q", "--since", "2026-01-01"],
        ["--questions", "q", "--baseline", "b.json"],
        ["--questions", "q", "--tolerance", "right=2"],
        ["--questions", "q", "--gate", "--tolerance", "beauty=2"],
        ["--questions", "q", "--gate", "--tolerance", "right=much"],
        ["--questions", "q", "--arms", ","],
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["evaluate", *arguments]) == 2
    assert "usage: inhouse" in capsys.readouterr().err


def test_the_metrics_that_a_tolerance_takes_are_those_that_there_are() -> None:
    assert argument_types.TOLERABLE == TOLERABLE
