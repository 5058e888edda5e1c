from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import InvalidInputError
from core.types import Answer, Message, QAPair
from eval.arms import Arm, Bench
from eval.before_after import compare_reports
from eval.evaluation import run
from eval.gate import Gate, judge
from eval.questions import QuestionFile
from tests.eval.building import LEAVE_TEXT, answer, hit, question

QUESTIONS = tuple(
    question(f"q{n}", "offtopic" if n % 4 == 0 else "answerable", **({} if n % 4 == 0 else {"evidence": ()}))
    for n in range(80)
)
DECLINED = answer("That is outside what I am here for.", "off_topic")
GOOD = answer("27 days", hits=[hit()], quotes=[LEAVE_TEXT])


class Assistant:
    """Right in everything but the questions of a kind whose numbers are below `faults`."""

    def __init__(self, kind: str = "", instead: Answer = GOOD, faults: int = 0) -> None:
        self.kind, self.instead, self.faults = kind, instead, faults

    def __call__(self, text: str, history: Sequence[Message]) -> Answer:
        asked: QAPair | None = next((item for item in QUESTIONS if item.question == text), None)
        if asked is None or (asked.kind == self.kind and int(asked.id[1:]) < self.faults):
            return self.instead
        return GOOD if asked.kind == "answerable" else DECLINED


def gate(
    folder: Path, after: Assistant, questions: Sequence[QAPair] = QUESTIONS, **tolerances: float
) -> Gate:
    file = QuestionFile(Path("q.jsonl"), "0" * 64, tuple(questions))
    reports = [run(file, Bench((Arm("base", arm),), {}), folder=folder) for arm in (Assistant(), after)]
    return judge(compare_reports(*reports, folder=Path()), tolerances)


def test_what_is_as_it_was_passes(tmp_path: Path) -> None:
    result = gate(tmp_path, Assistant())
    assert result.passed
    assert result.sentence == "The gate is passed: nothing is clearly worse."
    assert {check.metric for check in result.checks} == {"right", "answered", "declined", "quotes_verbatim"}


@pytest.mark.parametrize(
    ("after", "metric"),
    [
        (Assistant("answerable", answer("It depends."), 30), "questions right"),
        (Assistant("answerable", DECLINED, 30), "answered of what it should answer"),
        (Assistant("offtopic", GOOD, 60), "declined of what it should decline"),
        (
            Assistant("answerable", answer("27 days", hits=[hit()], quotes=["Of nobody."]), 30),
            "quotes verbatim",
        ),
    ],
)
def test_each_of_the_four_can_fail(tmp_path: Path, after: Assistant, metric: str) -> None:
    result = gate(tmp_path, after)
    assert not result.passed
    assert any(f"base after, {metric}: " in reason and "clearly worse" in reason for reason in result.reasons)


def test_without_keywords_the_gate_has_to_be_told_what_decides(tmp_path: Path) -> None:
    plain = [replace(item, keywords=()) for item in QUESTIONS]
    with pytest.raises(InvalidInputError, match="--tolerance token_f1=5"):
        gate(tmp_path, Assistant(), plain)
    worse = Assistant("answerable", answer("It depends."), 80)
    assert gate(tmp_path, Assistant(), plain, token_f1=0.05).passed
    assert not gate(tmp_path, worse, plain, token_f1=0.05).passed


def test_five_documents_are_too_few_to_judge_by(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="5 questions on 5 documents are too few"):
        gate(tmp_path, Assistant(), QUESTIONS[1:4] + QUESTIONS[5:7])


def test_a_slip_that_may_be_chance_passes_unless_a_tolerance_says_otherwise(tmp_path: Path) -> None:
    slip = Assistant("answerable", answer("It depends."), 4)  # 3 of 80 questions
    assert gate(tmp_path, slip).passed
    assert gate(tmp_path, slip, right=0.0375).passed
    (reason,) = gate(tmp_path, slip, right=0.03).reasons
    assert reason == (
        "base after, questions right: 96.2% instead of 100.0% (-3.8 points, where 3 may be lost)."
    )


def test_a_tolerance_lets_a_clear_drop_pass_and_gates_other_metrics(tmp_path: Path) -> None:
    worse = Assistant("answerable", answer("It depends."), 30)
    assert gate(tmp_path, worse, right=0.5).reasons[0].startswith("base after, quotes verbatim")
    assert any("token_f1" in reason for reason in gate(tmp_path, worse, token_f1=0.01).reasons)


def test_an_improvement_passes(tmp_path: Path) -> None:
    file = QuestionFile(Path("q.jsonl"), "0" * 64, QUESTIONS)
    worse, better = (
        run(file, Bench((Arm("base", arm),), {}), folder=tmp_path)
        for arm in (Assistant("answerable", DECLINED, 60), Assistant())
    )
    assert judge(compare_reports(worse, better, folder=Path()), {}).passed


def test_too_few_documents_need_a_tolerance(tmp_path: Path) -> None:
    few = tuple(replace(QUESTIONS[n]) for n in range(3))
    with pytest.raises(
        InvalidInputError, match=r"3 questions on 3 documents are too few .*--tolerance right=5"
    ):
        gate(tmp_path, Assistant(), few)
    result = gate(tmp_path, Assistant(), few, right=0.05)
    assert result.passed
    assert "Not judged: quotes verbatim; 2 questions" in result.sentence


def test_an_arm_that_is_gone_is_a_regression(tmp_path: Path) -> None:
    file = QuestionFile(Path("q.jsonl"), "0" * 64, QUESTIONS)
    report = run(file, Bench((Arm("base", Assistant()),), {}), folder=tmp_path)
    result = judge(compare_reports(report, report, folder=Path()), {}, {"tuned": "Its files are gone."})
    assert result.reasons == ("tuned could not be evaluated: Its files are gone.",)
