import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import IndexEmptyError, InvalidInputError, ModelError, QuestionTooLongError
from core.models.reader import SHIPPED_ADAPTER
from core.settings import AnsweringSettings, ModelSettings, Settings
from core.types import Answer, Message, Usage
from eval import findings
from eval.arms import Arm, Bench
from eval.asking import answer_all
from eval.evaluation import chosen_settings, evaluate, run
from eval.questions import QuestionFile
from tests.eval.building import answer, hit, question, write_lines

NOW = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
QUESTIONS = tuple(
    question(f"q{n}", "answerable" if n % 3 else "offtopic", evidence=question().evidence if n % 3 else ())
    for n in range(30)
)
FILE = QuestionFile(Path("handbook questions.jsonl"), "0" * 64, QUESTIONS)


def perfect(text: str, history: Sequence[Message]) -> Answer:
    known = {item.question: item for item in QUESTIONS}
    if text in known and known[text].kind == "answerable":
        return answer("27 days", hits=[hit()], quotes=["Unused days lapse in March."])
    return answer("That is outside what I am here for.", "off_topic")


def broken(text: str, history: Sequence[Message]) -> Answer:
    return answer("It depends.", hits=[hit()])


def away(text: str, history: Sequence[Message]) -> Answer:
    raise ModelError("The weights are gone.")


def test_a_broken_arm_loses_against_a_good_one(tmp_path: Path) -> None:
    bench = Bench((Arm("base", perfect), Arm("tuned", broken)), {})
    report = run(FILE, bench, folder=tmp_path, now=NOW)
    primary = report.comparison("tuned", "right")
    assert primary is not None
    assert (primary.verdict, primary.losses) == ("worse", 30)
    assert report.verdict.startswith("tuned is worse than base: 0.0% of 30 questions right instead of 100.0%")


def test_settings_that_are_not_as_they_come_are_told_without_keys() -> None:
    settings = Settings(
        generator="transformers",
        models=ModelSettings(shots=2, api_key="secret"),
        answering=AnsweringSettings(max_sentences=1),
    )
    expected = {"generator": "transformers", "models.shots": 2, "answering.max_sentences": 1}
    assert chosen_settings(settings) == expected
    assert chosen_settings(Settings()) == {}


def test_the_notes_tell_over_refusal_and_tokens(tmp_path: Path) -> None:
    def wordy(text: str, history: Sequence[Message]) -> Answer:
        return replace(perfect(text, history), usage=Usage(300, 12))

    (result,) = run(FILE, Bench((Arm("base", wordy),), {}), folder=tmp_path, now=NOW).results
    notes = findings.quality(result)
    assert "Arm base, over-refusal: it declined 0.0% of the questions to be answered." in notes
    assert "Arm base, tokens of a question, p50 and p95: prompt 300 and 300, completion 12 and 12." in notes


def test_the_report_stands_in_a_folder_named_by_time_and_questions(tmp_path: Path) -> None:
    bench = Bench((Arm("base", perfect),), {})
    first, second = (run(FILE, bench, folder=tmp_path, now=NOW) for _ in range(2))
    assert first.report == tmp_path / "20261103T093000Z-handbook-questions"
    assert second.report == tmp_path / "20261103T093000Z-handbook-questions-2"
    assert {path.name for path in first.report.iterdir()} == {"report.json", "report.md", "report.html"}


def test_report_json_holds_every_question_with_every_arm(tmp_path: Path) -> None:
    bench = Bench((Arm("base", perfect), Arm("tuned", broken)), {"reader-9": "It is gone."})
    report = run(FILE, bench, folder=tmp_path, command="inhouse evaluate", now=NOW)
    stored = json.loads((report.report / "report.json").read_text(encoding="utf-8"))
    assert [row["id"] for row in stored["rows"]] == [item.id for item in QUESTIONS]
    row = stored["rows"][1]["arms"]
    assert (row["base"]["outcome"], row["tuned"]["outcome"]) == ("right", "reader_missed")
    assert row["base"]["citations"][0]["quote"] == "Unused days lapse in March."
    assert stored["passages"][row["base"]["hits"][0]["passage"]]["source"] == "leave.md"
    assert stored["arms"]["base"]["right"] == 1.0
    assert stored["skipped"] == {"reader-9": "It is gone."}
    assert stored["facts"]["command"] == "inhouse evaluate"
    assert stored["questions"]["sha256"] == FILE.sha256
    assert {"report", "arms", "comparisons"} <= report.to_json().keys()
    assert json.loads(json.dumps(report.to_json()))["comparisons"] == stored["comparisons"]


def test_an_arm_whose_model_is_gone_is_named_and_the_rest_evaluated(tmp_path: Path) -> None:
    report = run(FILE, Bench((Arm("base", perfect), Arm("tuned", away)), {}), folder=tmp_path, now=NOW)
    assert [result.name for result in report.results] == ["base"]
    assert report.skipped == {"tuned": "The weights are gone."}
    assert "tuned was not evaluated: The weights are gone." in report.verdict


def test_without_any_arm_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="tuned: The weights are gone"):
        run(FILE, Bench((Arm("tuned", away),), {"other": "Unknown."}), folder=tmp_path / "reports", now=NOW)
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize("fault", [QuestionTooLongError("Too long."), RuntimeError("boom")])
def test_a_question_that_fails_is_an_error_and_the_others_go_on(fault: Exception) -> None:
    def sometimes(text: str, history: Sequence[Message]) -> Answer:
        if text == QUESTIONS[4].question:
            raise fault
        return perfect(text, history)

    result = answer_all(Arm("base", sometimes), QUESTIONS)
    assert result.errors == {"q4": str(fault)}
    assert result.aggregate.errors == 1
    assert result.answers[4] is None
    assert result.aggregate.right == pytest.approx(29 / 30)


def test_an_arm_that_fails_on_every_question_is_no_arm() -> None:
    def never(text: str, history: Sequence[Message]) -> Answer:
        raise QuestionTooLongError("Too long.")

    with pytest.raises(ModelError, match=r"Every question failed, the first with: Too long\."):
        answer_all(Arm("base", never), QUESTIONS)


def test_an_index_that_goes_away_stops_the_evaluation() -> None:
    def gone(text: str, history: Sequence[Message]) -> Answer:
        raise IndexEmptyError("Nothing is indexed.")

    with pytest.raises(IndexEmptyError):
        answer_all(Arm("base", gone), QUESTIONS)


def test_the_history_of_a_follow_up_reaches_the_arm() -> None:
    heard: list[Sequence[Message]] = []

    def listening(text: str, history: Sequence[Message]) -> Answer:
        heard.append(history)
        return perfect(text, history)

    before = (Message("user", "How long is leave?"),)
    answer_all(Arm("base", listening), [question(kind="followup", history=before)])
    assert heard[-1] == before


def test_progress_counts_the_questions_of_every_arm(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    bench = Bench((Arm("base", perfect), Arm("tuned", broken)), {})
    run(FILE, bench, folder=tmp_path, progress=lambda *step: told.append(step), now=NOW)
    assert told[0] == ("evaluate base", 0, 30)
    assert told[-1] == ("evaluate tuned", 30, 30)


def test_a_bad_question_file_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="no usable question"):
        evaluate(Settings(data_dir=tmp_path), questions=write_lines(tmp_path / "q.jsonl", ["{bad"]))


@pytest.mark.skipif(not SHIPPED_ADAPTER.is_dir(), reason="the base reader is not trained yet")
def test_base_answers_from_indexed_documents_through_the_whole_path(tmp_path: Path) -> None:
    from core.bootstrap import Inhouse
    from ingestion.indexing import reindex

    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "leave.md").write_text(
        "# Leave\n\n## Annual leave\n\nEvery full-time employee gets 27 days of paid annual leave a year.\n\n"
        "## Sick leave\n\nCall your manager before nine in the morning when you are ill.\n",
        encoding="utf-8",
    )
    settings = Settings(data_dir=tmp_path / "data")
    inhouse = Inhouse(settings)
    reindex(settings, [docs], embedder=inhouse.embedder)
    inhouse.close()
    evidence = [
        {"source": "leave.md", "quote": "Every full-time employee gets 27 days of paid annual leave a year."}
    ]
    rows = [
        {
            "id": "a",
            "kind": "answerable",
            "question": "How many days of annual leave does a full-time employee get?",
            "answer": "27 days.",
            "evidence": evidence,
            "keywords": ["27"],
        },
        {"id": "b", "kind": "offtopic", "question": "Who won the football world cup in 1998?"},
    ]
    report = evaluate(settings, questions=write_lines(tmp_path / "q.jsonl", rows), now=NOW)
    assert "no tuned reader yet" in report.skipped["tuned"]
    samples = report.results[0].samples
    assert (samples[0].outcome, samples[0].recall, samples[0].cited_right) == ("right", 1.0, True)
    assert samples[0].quotes_verbatim == 1.0
    assert samples[1].answer_type != "answer"
    assert report.facts["index"]["documents"] == 1
    assert report.check.evidence_missing == ()
