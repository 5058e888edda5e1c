from pathlib import Path

import pytest

from core.errors import InvalidInputError
from core.settings import AssistantSettings
from core.types import Chunk, Evidence, Message
from eval.questions import check_questions, load_questions
from tests.eval.building import question, write_lines
from tests.fakes import FakeEmbedder

GOOD = {"id": "a", "kind": "offtopic", "question": "Who won the cup?"}


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{not json", "not JSON"),
        ("[1, 2]", "not a JSON object"),
        ({"kind": "offtopic", "question": "x"}, "'id' is missing"),
        ({"id": "b", "question": "x"}, "'kind' is missing"),
        ({**GOOD, "id": "b", "kind": "odd"}, "unknown kind 'odd'"),
        ({**GOOD, "id": "b", "question": "  "}, "question is empty"),
        ({**GOOD, "id": "b", "keywords": "30 days"}, "keywords is not a list"),
        ({**GOOD, "id": "b", "evidence": [{"source": "x.md"}]}, "evidence is not a list of objects"),
        (
            {**GOOD, "id": "b", "history": [{"role": "boss", "content": "x"}]},
            "history is not a list of objects",
        ),
        ({**GOOD, "id": "a"}, "'a' is used by an earlier line"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_used(tmp_path: Path, line: object, fault: str) -> None:
    rows = [GOOD, line, {**GOOD, "id": "z"}]
    file = load_questions(write_lines(tmp_path / "q.jsonl", rows))  # type: ignore[arg-type]  # wrong on purpose
    assert [item.id for item in file.questions] == ["a", "z"]
    assert [found.line for found in file.faults] == [2]
    assert fault in file.faults[0].fault


def test_every_field_of_the_format_is_read(tmp_path: Path) -> None:
    row = {
        "id": 7,
        "kind": "followup",
        "question": "And part-time?",
        "answer": "Less.",
        "evidence": [{"source": "a.md", "quote": "q"}],
        "keywords": ["less"],
        "history": [{"role": "user", "content": "How much leave?"}],
    }
    read = load_questions(write_lines(tmp_path / "q.jsonl", [row])).questions[0]
    assert (read.id, read.answer, read.keywords) == ("7", "Less.", ("less",))
    assert read.evidence == (Evidence("a.md", "q"),)
    assert read.history == (Message("user", "How much leave?"),)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"{broken\n", b"\xff\xfe\x00bad"])
def test_a_file_without_a_usable_question_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "q.jsonl"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"q\.jsonl"):
        load_questions(path)


def test_a_missing_file_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"gone\.jsonl cannot be read"):
        load_questions(tmp_path / "gone.jsonl")


def test_a_repeated_question_is_a_duplicate_unless_its_history_differs() -> None:
    history = (Message("user", "About leave."),)
    questions = [
        question("a", question="How long?"),
        question("b", question="how  LONG?"),
        question("c", question="How long?", history=history),
    ]
    assert check_questions(questions).duplicates == ("b",)


def test_questions_that_cannot_be_judged_are_counted() -> None:
    questions = [question("a", keywords=()), question("b", evidence=()), question("c", "offtopic")]
    check = check_questions(questions)
    assert (check.without_keywords, check.without_evidence) == (("a",), ("b",))
    assert check.by_kind == {"answerable": 2, "offtopic": 1}


def test_evidence_that_no_chunk_of_its_source_holds_is_missing() -> None:
    def chunk(source: str, text: str) -> Chunk:
        return Chunk(source + text, "d", source, "t", (), text, 0)

    chunks = [chunk("hr/leave.md", "Everyone gets **27 days**."), chunk("hr/other.md", "Lapses in March.")]
    questions = [
        question("found", evidence=(Evidence("leave.md", "everyone gets 27 days"),)),
        question("wrong-place", evidence=(Evidence("hr/leave.md", "Lapses in March."),)),
        question("no-such-file", evidence=(Evidence("pay.md", "27 days"),)),
    ]
    assert check_questions(questions, chunks).evidence_missing == ("wrong-place", "no-such-file")


def test_a_question_with_an_answer_alone_is_answerable_unless_its_answer_declines(tmp_path: Path) -> None:
    wording = AssistantSettings()
    rows = [
        {"question": "What is it?", "answer": "A service."},
        {"question": "Why do we dream?", "answer": "Let’s keep  to the subject, please."},
        {"question": "Who is he?", "answer": wording.no_answer.format(purpose=wording.purpose)},
        {"id": "mine", "question": "What else?", "answer": "Nothing."},
        {"question": "", "answer": "Bye."},
        {"question": "No answer?"},
    ]
    file = load_questions(write_lines(tmp_path / "q.jsonl", rows), wording, ["Let's keep to the subject"])
    kinds = [(item.id, item.kind) for item in file.questions]
    assert kinds == [
        ("line-1", "answerable"),
        ("line-2", "offtopic"),
        ("line-3", "unanswerable"),
        ("mine", "answerable"),
    ]
    assert [(fault.line, fault.fault) for fault in file.faults] == [
        (5, "the question is empty"),
        (6, "the field 'id' is missing"),
    ]
    assert check_questions(file.questions).plain_pairs == 4


def test_an_answer_to_many_plain_questions_is_listed_and_not_taken_for_a_redirect(tmp_path: Path) -> None:
    rows = [{"question": f"Q{n}?", "answer": "Stay on topic."} for n in range(3)]
    rows += [{"question": f"P{n}?", "answer": "It is free."} for n in range(2)]
    check = check_questions(load_questions(write_lines(tmp_path / "q.jsonl", rows)).questions)
    assert check.shared_answers == {"Stay on topic.": 3}
    assert check.by_kind == {"answerable": 5}


def test_nearly_the_same_questions_are_told_unless_their_numbers_differ() -> None:
    questions = [
        question("a", question="How do I book a room for a meeting today?"),
        question("b", question="How do I book a room for the meeting today?"),
        question("c", question="What about grade 3 pay at the end of the year?"),
        question("d", question="What about grade 4 pay at the end of the year?"),
        question("e", question="how do I book a room for a meeting TODAY?"),
    ]
    check = check_questions(questions, embedder=FakeEmbedder())
    assert check.near_duplicates == (("a", "b"), ("b", "e"))
    assert check.duplicates == ("e",)


def test_what_was_learned_word_for_word_or_nearly_so_is_told_by_adapter() -> None:
    learned = [
        question("x", question="how long  is LEAVE?"),
        question("y", question="How do I book a room for the meeting today?"),
        question("z", question="Something else entirely."),
    ]
    asked = [
        question("a", question="How long is leave?"),
        question("b", question="How do I book a room for a meeting today?"),
        question("c", question="Where is the canteen?"),
    ]
    check = check_questions(asked, embedder=FakeEmbedder(), learned={"r1 learned from g.jsonl": learned})
    (overlap,) = check.overlaps
    assert (overlap.data, overlap.learned, overlap.exact) == ("r1 learned from g.jsonl", 3, ("a",))
    assert overlap.near == (("b", "How do I book a room for the meeting today?"),)
