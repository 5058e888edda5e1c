from pathlib import Path

import pytest

from core.errors import InvalidInputError
from core.types import Message
from eval.arms import Arm, Bench
from eval.evaluation import run
from eval.questions import QuestionFile
from eval.report import table
from eval.results import details
from eval.stored import load_report
from tests.eval.building import answer, hit, question
from tests.eval.test_evaluation import FILE, broken, perfect


def test_a_stored_report_is_the_one_that_was_written(tmp_path: Path) -> None:
    def failing(text: str, history: object) -> object:
        if text == FILE.questions[4].question:
            raise RuntimeError("boom")
        return perfect(text, ())

    bench = Bench((Arm("base", perfect), Arm("tuned", broken), Arm("odd", failing)), {"gone": "It is gone."})  # type: ignore[arg-type]
    written = run(FILE, bench, folder=tmp_path, command="inhouse evaluate")
    for place in (written.report, written.report / "report.json"):
        read = load_report(place)
        for name, figures in written.arms.items():
            assert read.arms[name]["outcomes"] == figures["outcomes"]
            shares = {key: value for key, value in figures.items() if isinstance(value, int | float)}
            assert {key: read.arms[name][key] for key in shares} == pytest.approx(shares, abs=2e-4)
        assert read.verdict == written.verdict
        assert read.results[2].errors == {"q4": "boom"}
        assert table(read) == table(written)
        before, after = details(written), details(read)
        assert {name: after[name] for name in ("rows", "passages", "questions")} == {
            name: before[name] for name in ("rows", "passages", "questions")
        }


def test_follow_ups_and_evidence_survive(tmp_path: Path) -> None:
    asked = (
        question("a", "followup", history=(Message("user", "Leave?"), Message("assistant", "27 days."))),
        question("b", "multi", keywords=("27", "March")),
    )
    arm = Arm("base", lambda text, history: answer(hits=[hit()], quotes=["Unused days lapse in March."]))
    written = run(QuestionFile(Path("q.jsonl"), "0" * 64, asked), Bench((arm,), {}), folder=tmp_path)
    read = load_report(written.report)
    assert read.file.questions == asked
    assert [s.missing_keywords for s in read.results[0].samples] == [
        s.missing_keywords for s in written.results[0].samples
    ]
    assert read.results[0].answers[0].citations == written.results[0].answers[0].citations  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "cannot be read"),
        ("{", "is not JSON"),
        ("[]", "not a report"),
        ('{"rows": []}', "not a report"),
    ],
)
def test_what_is_no_report_is_refused_in_one_sentence(
    tmp_path: Path, text: str | None, complaint: str
) -> None:
    file = tmp_path / "report.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InvalidInputError, match=complaint):
        load_report(file)
