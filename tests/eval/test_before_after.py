import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import InvalidInputError
from core.types import Answer, Message, QAPair
from eval.arms import Arm, Bench
from eval.before_after import compare_reports
from eval.comparison import compare
from eval.evaluation import run
from eval.figures import changed
from eval.questions import QuestionFile
from eval.report import markdown, table, write_report
from eval.results import EvaluationReport
from eval.stored import load_report
from tests.eval.building import answer, question

QUESTIONS = tuple(question(f"q{n}", evidence=()) for n in range(40))


def evaluated(
    folder: Path, right: Callable[[int], bool], questions: Sequence[QAPair] = QUESTIONS, arms: str = "base"
) -> EvaluationReport:
    """A stored report, read back; an arm is right in the questions whose number says so."""
    places = {item.question: int(item.id[1:]) for item in questions}

    def reply(text: str, history: Sequence[Message]) -> Answer:
        return answer("27 days" if right(places.get(text, 0)) else "It depends.")

    file = QuestionFile(Path("q.jsonl"), "0" * 64, tuple(questions))
    bench = Bench(tuple(Arm(name, reply) for name in arms.split(",")), {})
    return load_report(run(file, bench, folder=folder).report)


def compared(before: EvaluationReport, after: EvaluationReport, *arms: str) -> EvaluationReport:
    return compare_reports(before, after, folder=Path(), arms=arms)


def test_the_same_questions_are_paired_and_compared_as_two_arms_are(tmp_path: Path) -> None:
    before = evaluated(tmp_path, lambda n: n % 2 == 0)
    after = evaluated(tmp_path, lambda n: n % 2 == 0 and n > 24)
    report = compared(before, after)
    found = report.comparison("base after", "right")
    expected = compare(
        before.results[0].samples, after.results[0].samples, "right", names=("base before", "base after")
    )
    assert found == expected
    assert report.verdict.startswith(
        "base after is worse than base before: 17.5% of 40 questions right instead of 50.0%"
    )


def test_changed_questions_are_listed_what_was_lost_first(tmp_path: Path) -> None:
    report = compared(evaluated(tmp_path, lambda n: n < 30), evaluated(tmp_path, lambda n: 3 <= n < 33))
    assert [(c.id, c.before, c.after) for c in changed(report)] == [
        *((f"q{n}", "right", "reader_missed") for n in range(3)),
        *((f"q{n}", "reader_missed", "right") for n in range(30, 33)),
    ]
    assert "| q0 | Question q0? | base after | right | reader missed |" in markdown(report)


def test_it_is_written_in_every_form(tmp_path: Path) -> None:
    report = compared(evaluated(tmp_path, lambda n: n < 30), evaluated(tmp_path, lambda n: n < 20))
    written = replace(report, report=tmp_path / "compared")
    written.report.mkdir()
    write_report(written)
    stored = json.loads((written.report / "report.json").read_text())
    assert [change["id"] for change in stored["changed"]] == [f"q{n}" for n in range(20, 30)]
    assert "base after is worse than base before" in (written.report / "report.html").read_text()
    assert "base after - base before" in table(written)


def test_questions_are_matched_by_id_whatever_their_order(tmp_path: Path) -> None:
    before = evaluated(tmp_path, lambda n: n < 20)
    after = evaluated(tmp_path, lambda n: n < 20, QUESTIONS[::-1][5:])
    report = compared(before, after)
    assert changed(report) == []
    assert len(report.file.questions) == 35
    assert report.facts["warnings"] == [
        "Only the 35 questions that both reports hold are compared, of 40 before and 35 after."
    ]


def test_an_id_that_stands_for_another_question_is_left_out(tmp_path: Path) -> None:
    others = tuple(replace(item, question=f"Other {item.id}?") for item in QUESTIONS)
    before = evaluated(tmp_path, lambda n: True)
    report = compared(before, evaluated(tmp_path, lambda n: True, (*QUESTIONS[:30], *others[30:])))
    assert len(report.file.questions) == 30
    with pytest.raises(InvalidInputError, match=r"share no question: q\.jsonl and q\.jsonl differ entirely"):
        compared(before, evaluated(tmp_path, lambda n: True, others))


def test_another_index_check_or_expected_answer_is_a_warning(tmp_path: Path) -> None:
    before = evaluated(tmp_path, lambda n: True)
    same = {"fingerprint": "f", "embedder": "e", "documents": 3, "chunks": 9, "version": 1}
    one = replace(before, facts={**before.facts, "index": same})
    assert compared(one, one).facts["warnings"] == []
    grown = replace(before, facts={**before.facts, "index": {**same, "chunks": 10}})
    assert compared(one, grown).facts["warnings"] == [
        "The index differs (chunks): a difference need not come from the model."
    ]
    lost = replace(one, check=replace(one.check, evidence_missing=("q1",)))
    (warning,) = compared(one, lost).facts["warnings"]
    assert warning.startswith("Evidence that is not in the index: of 0 of these questions before, of 1")
    stricter = (replace(QUESTIONS[0], keywords=("28",)), *QUESTIONS[1:])
    (warning,) = compared(before, evaluated(tmp_path, lambda n: True, stricter)).facts["warnings"]
    assert warning.startswith("1 question has another reference answer")


def test_every_arm_that_both_have_is_compared_with_itself(tmp_path: Path) -> None:
    before = evaluated(tmp_path, lambda n: n < 30, arms="base,tuned,old")
    after = evaluated(tmp_path, lambda n: n < 20, arms="tuned,base")
    report = compared(before, after)
    assert [(c.base, c.arm) for c in report.comparisons if c.metric == "right"] == [
        ("base before", "base after"),
        ("tuned before", "tuned after"),
    ]
    assert table(report).splitlines()[0].endswith("tuned after - tuned before (95% interval)")


def test_arms_of_different_names_are_compared_where_they_are_named_or_alone(tmp_path: Path) -> None:
    both = evaluated(tmp_path, lambda n: n < 30, arms="base,tuned")
    alone = evaluated(tmp_path, lambda n: n < 20, arms="mine")
    other = evaluated(tmp_path, lambda n: n < 20, arms="yours")
    assert [r.name for r in compared(alone, other).results] == ["mine before", "yours after"]
    assert [r.name for r in compared(both, alone, "tuned", "mine").results] == ["tuned before", "mine after"]
    with pytest.raises(InvalidInputError, match="share no arm: one has base, tuned, the other mine"):
        compared(both, alone)
    with pytest.raises(InvalidInputError, match="has no arm 'tuned'; it has mine"):
        compared(both, alone, "tuned")
