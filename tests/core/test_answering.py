"""The answering path over a real index, with word overlap in place of the models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from core import answering
from core.answering import Answerer, code_digest
from core.deadline import Deadline
from core.decision import Decision, Logistic
from core.errors import (
    AbandonedError,
    EmptyQuestionError,
    IndexEmptyError,
    QuestionTooLongError,
    StageTimeoutError,
)
from core.index.index import Index
from core.interfaces import Decoding, Draft, Reading
from core.reading import ReaderGenerator, fold
from core.retrieval import Retriever
from core.settings import AnsweringSettings, Settings
from core.types import Answer, Chunk, Document, Message
from tests.fakes import FakeEmbedder, FakeReranker

TEXTS = {
    "Leave": "Parental leave lasts sixteen weeks. Ask your manager about parental leave early.",
    "Meals": "| Meal | Limit |\n|---|---|\n| Breakfast | €12 |\n| Dinner | €35 |",
    "Parking": "Visitors park behind the gate. The gate closes at ten.",
}


@dataclass(frozen=True)
class Checked:
    passed: bool
    reason: str = ""


class QuoteGuard:
    """Blocks one word in questions and quotes that are not in the sources."""

    def check_question(self, text: str) -> Checked:
        return Checked("jailbreak" not in text, "injection")

    def check_history(self, text: str) -> Checked:
        return self.check_question(text)

    def check_answer(self, text: str, quotes: Sequence[str], sources: Sequence[str]) -> Checked:
        held = all(any(fold(quote) in fold(source) for source in sources) for quote in quotes)
        return Checked(held, "a quote is not verbatim")


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    settings = Settings(data_dir=tmp_path)
    index = Index.open(settings, embedder_name="fake-embedder", dimension=64)
    yield index
    index.close()


def fill(index: Index) -> None:
    with index.writer() as writer:
        for title, text in TEXTS.items():
            chunk = Chunk(f"{title}-0", title, f"{title.lower()}.md", title, ("Rules",), text, 0)
            document = Document(title, f"{title.lower()}.md", title, text, content_hash=title)
            writer.put(document, [chunk], FakeEmbedder().embed([f"{title} {text}"]))
        writer.commit()


@pytest.fixture
def answerer(index: Index) -> Answerer:
    settings = Settings(answering=AnsweringSettings(max_sentences=1, passage_weight=0))
    covered = Logistic(0.0, {"unit_best": 1.0})
    on_topic = Logistic(-1.0, {"dense_mean": 30.0})
    embedder = FakeEmbedder()
    return Answerer(
        settings=settings,
        retriever=Retriever(index, embedder, FakeReranker(), settings.retrieval),
        generator=ReaderGenerator("fake-reader", settings.answering),
        guards=QuoteGuard(),
        decision=Decision(covered, on_topic, covered_threshold=0.3, on_topic_threshold=0.9),
        embedder=embedder,
        off_topic_bank=np.zeros((1, 64), dtype=np.float32),
    )


def test_a_covered_question_is_answered_with_its_verbatim_quote(index: Index, answerer: Answerer) -> None:
    fill(index)
    answer = answerer.answer("parental leave lasts how long")
    assert answer.answer_type == "answer"
    assert answer.answer == "Parental leave lasts sixteen weeks. [1]"
    (citation,) = answer.citations
    assert (citation.source, citation.title, citation.heading) == ("leave.md", "Leave", "Rules")
    assert citation.quote in TEXTS["Leave"]
    assert {"retrieve", "read", "generate", "verify"} <= set(answer.timings_ms)


def test_a_table_row_is_quoted_as_it_stands_and_read_with_its_columns(
    index: Index, answerer: Answerer
) -> None:
    fill(index)
    answer = answerer.answer("dinner limit")
    assert answer.answer == "Meal: Dinner; Limit: €35. [1]"
    assert answer.citations[0].quote == "| Dinner | €35 |"


def test_a_quote_is_cited_on_its_own_page(index: Index, answerer: Answerer) -> None:
    text = "Visitors park behind the gate.\n\nBicycles stand in the yard."
    breaks = {"page": 2, "page_breaks": [[text.index("Bicycles"), 3]]}
    with index.writer() as writer:
        chunk = Chunk("a-0", "a", "a.pdf", "Parking", (), text, 0, metadata=breaks)
        document = Document("a", "a.pdf", "Parking", text, content_hash="a")
        writer.put(document, [chunk], FakeEmbedder().embed([text]))
        writer.commit()
    assert answerer.answer("where do bicycles stand").citations[0].page == 3
    assert answerer.answer("where do visitors park").citations[0].page == 2


def test_a_question_that_the_passages_do_not_hold_is_declined_with_the_purpose(
    index: Index, answerer: Answerer
) -> None:
    fill(index)
    answer = answerer.answer("which gate do bicycles and scooters and motorbikes use behind parking")
    assert answer.answer_type == "no_answer"
    assert answerer.settings.assistant.purpose in answer.answer
    assert answer.citations == ()


def test_a_question_from_elsewhere_is_redirected(index: Index, answerer: Answerer) -> None:
    fill(index)
    assert answerer.answer("zebra xylophone").answer_type == "off_topic"


def test_a_followup_is_read_together_with_what_it_leans_on(index: Index, answerer: Answerer) -> None:
    fill(index)
    history = (Message("user", "parental leave lasts how long"), Message("assistant", "Sixteen weeks."))
    answer = answerer.answer("and ask my manager?", history)
    assert answer.question == "parental leave lasts how long and ask my manager?"
    assert answer.citations[0].source == "leave.md"


def test_an_attempt_to_take_over_is_blocked_before_anything_is_searched(
    index: Index, answerer: Answerer
) -> None:
    answer = answerer.answer("a jailbreak please")
    assert (answer.answer_type, answer.reason, answer.hits) == ("blocked", "injection", ())


def test_a_draft_that_the_guard_refuses_becomes_no_answer(index: Index, answerer: Answerer) -> None:
    fill(index)

    class Distrustful(QuoteGuard):
        def check_answer(self, text: str, quotes: Sequence[str], sources: Sequence[str]) -> Checked:
            return Checked(False, "not today")

    answer = replace(answerer, guards=Distrustful()).answer("parental leave lasts how long")
    assert (answer.answer_type, answer.reason) == ("no_answer", "not today")


def test_the_stream_gives_the_text_sentence_by_sentence_and_then_the_answer(
    index: Index, answerer: Answerer
) -> None:
    fill(index)
    generator = ReaderGenerator("fake-reader", AnsweringSettings(max_sentences=2, unit_margin=100))
    *pieces, answer = replace(answerer, generator=generator).stream("parental leave lasts how long")
    assert isinstance(answer, Answer)
    assert "".join(str(piece) for piece in pieces) == answer.answer
    assert len(pieces) == len(answer.citations) == 2


class Growing:
    """A generator that is certain of one more unit each time."""

    id, prompt_hash = "growing", ""

    def __init__(self) -> None:
        self.certain = 0

    def stream(
        self, question: str, reading: Reading, history: Sequence[Message], decoding: Decoding
    ) -> Iterator[Draft]:
        yield Draft()
        for self.certain in (1, 2, 3):
            units = reading.units[: self.certain]
            text = " ".join(f"{scored.unit.text} [{n}]" for n, scored in enumerate(units, 1))
            yield Draft(text, units)


def test_a_sentence_is_handed_out_before_the_next_one_is_written(index: Index, answerer: Answerer) -> None:
    fill(index)
    generator = Growing()
    written = replace(answerer, generator=generator).stream("parental leave lasts how long")
    assert "sixteen weeks" in str(next(written))
    assert generator.certain == 1


def test_a_text_that_has_not_grown_is_not_verified_again(index: Index, answerer: Answerer) -> None:
    fill(index)
    seen: list[str] = []

    class Counting(QuoteGuard):
        def check_answer(self, text: str, quotes: Sequence[str], sources: Sequence[str]) -> Checked:
            seen.append(text)
            return super().check_answer(text, quotes, sources)

    class Hesitating(Growing):
        def stream(
            self, question: str, reading: Reading, history: Sequence[Message], decoding: Decoding
        ) -> Iterator[Draft]:
            for draft in super().stream(question, reading, history, decoding):
                yield from (draft, draft, replace(draft, finish_reason="length"))

    answer = replace(answerer, generator=Hesitating(), guards=Counting()).answer(
        "parental leave lasts how long"
    )
    assert len(seen) == len(set(seen)) == 3
    assert answer.finish_reason == "length"


def test_an_answer_ends_before_the_sentence_that_the_guard_refuses(index: Index, answerer: Answerer) -> None:
    fill(index)

    class Brief(QuoteGuard):
        def check_answer(self, text: str, quotes: Sequence[str], sources: Sequence[str]) -> Checked:
            return Checked(len(quotes) < 3, "too_long")

    generator = Growing()
    *pieces, answer = replace(answerer, generator=generator, guards=Brief()).stream(
        "parental leave lasts how long"
    )
    assert isinstance(answer, Answer)
    assert "".join(str(piece) for piece in pieces) == answer.answer
    assert (answer.finish_reason, len(answer.citations)) == ("content_filter", 2)


def test_a_deleted_document_is_gone_from_the_answers_and_changes_the_identity(
    index: Index, answerer: Answerer
) -> None:
    fill(index)
    before = answerer.identity
    with index.writer() as writer:
        writer.remove("Leave")
        writer.commit()
    answer = answerer.answer("parental leave lasts how long")
    assert answer.answer_type != "answer"
    assert all(hit.chunk.source != "leave.md" for hit in answer.hits)
    assert answerer.identity != before


def test_another_decision_is_another_identity(answerer: Answerer) -> None:
    other = replace(answerer.decision, covered_threshold=0.123)
    assert replace(answerer, decision=other).identity != answerer.identity


@pytest.mark.parametrize(
    ("question", "fault"), [("  \n", EmptyQuestionError), ("x" * 3000, QuestionTooLongError)]
)
def test_a_question_that_cannot_be_read_is_refused(
    answerer: Answerer, question: str, fault: type[Exception]
) -> None:
    with pytest.raises(fault):
        answerer.answer(question)


def test_an_empty_index_says_what_to_do(answerer: Answerer) -> None:
    with pytest.raises(IndexEmptyError, match="inhouse reindex"):
        answerer.answer("anything")


def test_a_stage_that_takes_too_long_ends_the_answer(index: Index, answerer: Answerer) -> None:
    fill(index)
    now = [0.0]

    class Slow(FakeReranker):
        def score(self, question: str, texts: Sequence[str]) -> list[float]:
            now[0] += 5
            return super().score(question, texts)

    slow = replace(answerer, retriever=replace(answerer.retriever, reader=Slow()))
    deadline = Deadline({"retrieve": 4, "read": 4}, clock=lambda: now[0])
    with pytest.raises(StageTimeoutError, match="'read'"):
        slow.answer("parental leave lasts how long", deadline=deadline)


def test_an_answer_that_nobody_waits_for_is_not_made(index: Index, answerer: Answerer) -> None:
    fill(index)
    deadline = Deadline()
    deadline.abandon()
    with pytest.raises(AbandonedError):
        answerer.answer("parental leave lasts how long", deadline=deadline)


def test_other_rules_are_another_identity(tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text("[1]")
    before = code_digest(tmp_path)
    code_digest.cache_clear()  # as in the next process
    (tmp_path / "rules.json").write_text("[2]")
    assert code_digest(tmp_path) != before


def test_the_identity_holds_the_rules(answerer: Answerer, monkeypatch: pytest.MonkeyPatch) -> None:
    before = answerer.identity
    monkeypatch.setattr(answering, "code_digest", lambda: "another version")
    assert answerer.identity != before
