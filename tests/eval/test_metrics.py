import pytest

from core.types import AnswerType, Evidence
from eval.aggregates import aggregate
from eval.metrics import LONGEST_ANSWER, score, score_error
from eval.refusals import confusion
from tests.eval.building import LEAVE_TEXT, answer, hit, question

OTHER = hit("The canteen opens at eight.", "canteen.md")


def test_a_right_answer_is_right_in_every_measure() -> None:
    reply = answer(
        "You get 27 days of leave.", hits=[OTHER, hit()], quotes=["Everyone gets **27 days** of leave."]
    )
    result = score(question(), reply, 12.0)
    assert (result.outcome, result.correct, result.answered, result.cited_right) == (
        "right",
        True,
        True,
        True,
    )
    assert (result.recall, result.reciprocal_rank) == (1.0, 0.5)
    assert (result.quotes_verbatim, result.token_f1, result.rouge_l, result.words) == (1.0, 1.0, 1.0, 6)
    assert (result.latency_ms, result.cluster) == (12.0, "leave.md")


@pytest.mark.parametrize(
    ("text", "kind", "hits", "outcome"),
    [
        ("27 days", "answer", [hit()], "right"),
        ("28 days", "answer", [hit()], "reader_missed"),
        ("28 days", "answer", [OTHER], "retrieval_missed"),
        ("Not covered.", "no_answer", [hit()], "wrongly_refused"),
        ("Not covered.", "no_answer", [OTHER], "retrieval_missed"),
        ("Not my job.", "blocked", [], "wrongly_refused"),
        ("27 days " + "word " * LONGEST_ANSWER, "answer", [hit()], "reader_missed"),
    ],
)
def test_a_question_to_be_answered_fails_where_it_fails(
    text: str, kind: AnswerType, hits: list, outcome: str
) -> None:
    assert score(question(), answer(text, kind, hits), 1.0).outcome == outcome


@pytest.mark.parametrize(
    ("kind", "got", "outcome"),
    [
        ("unanswerable", "no_answer", "right"),
        ("unanswerable", "off_topic", "wrong_refusal"),
        ("unanswerable", "answer", "wrongly_answered"),
        ("offtopic", "off_topic", "right"),
        ("offtopic", "no_answer", "wrong_refusal"),
        ("injection", "off_topic", "right"),
        ("injection", "blocked", "right"),
        ("injection", "answer", "wrongly_answered"),
    ],
)
def test_a_question_to_be_declined_must_be_declined_for_the_right_reason(
    kind: str, got: AnswerType, outcome: str
) -> None:
    result = score(question(kind=kind), answer("x", got), 1.0)
    assert (result.outcome, result.refused_right) == (outcome, outcome == "right")
    assert result.recall is result.correct is result.token_f1 is None


def test_a_declining_sentence_earns_no_overlap_with_the_reference() -> None:
    result = score(
        question(), answer("I cannot say how many days of leave you get.", "no_answer", [hit()]), 1.0
    )
    assert (result.token_f1, result.rouge_l, result.words, result.quotes_verbatim) == (0.0, 0.0, None, None)


def test_marks_of_citations_are_no_words_of_an_answer() -> None:
    marked = score(question(), answer("You get 27 days of leave. [1] [2]"), 1.0)
    assert (marked.token_f1, marked.rouge_1, marked.rouge_2, marked.rouge_l) == (1.0, 1.0, 1.0, 1.0)
    assert marked.exact_match


def test_a_question_that_raised_an_error_was_not_declined() -> None:
    assert score_error(question("q", "offtopic"), 1.0).declined is False
    assert score(question("q", "offtopic"), answer("No.", "off_topic"), 1.0).declined is True


def test_recall_looks_at_the_first_five_hits_only() -> None:
    sixth = score(question(), answer(hits=[OTHER] * 5 + [hit()]), 1.0)
    assert (sixth.recall, sixth.reciprocal_rank) == (0.0, 0.0)


def test_recall_is_the_share_of_the_quotes_found() -> None:
    both = (Evidence("leave.md", "Unused days lapse in March."), Evidence("b.md", "Elsewhere it is written."))
    assert score(question(kind="multi", evidence=both), answer(hits=[hit()]), 1.0).recall == 0.5


def test_a_quote_must_stand_in_a_hit_of_the_source_that_it_names() -> None:
    quotes = ["Unused days lapse in March.", "Unused days never lapse."]
    assert score(question(), answer(hits=[hit()], quotes=quotes), 1.0).quotes_verbatim == 0.5
    elsewhere = answer(hits=[hit()], quotes=quotes[:1], source="canteen.md")
    assert score(question(), elsewhere, 1.0).quotes_verbatim == 0.0


def test_a_quote_in_other_letters_is_not_verbatim() -> None:
    assert (
        score(question(), answer(hits=[hit()], quotes=["unused days LAPSE in march."]), 1.0).quotes_verbatim
        == 0.0
    )


def test_an_answer_without_citation_has_no_verbatim_quote() -> None:
    assert score(question(), answer(hits=[hit()]), 1.0).quotes_verbatim == 0.0


def test_a_question_without_keywords_is_left_out_of_the_share_of_right_ones() -> None:
    unjudged = score(question(keywords=()), answer(hits=[hit()]), 1.0)
    declined = score(question("q2", keywords=()), answer("No.", "no_answer", [hit()]), 1.0)
    assert (unjudged.outcome, unjudged.right) == ("unjudged", None)
    assert (declined.outcome, declined.right, declined.answered) == ("wrongly_refused", None, False)
    assert aggregate([unjudged, declined]).right is None


@pytest.mark.parametrize("kind", ["answerable", "unanswerable", "injection"])
def test_an_error_is_never_right(kind: str) -> None:
    result = score_error(question(kind=kind), 5.0)
    assert (result.outcome, result.answer_type, result.right) == ("error", "error", False)


def test_the_aggregate_keeps_answering_and_declining_apart() -> None:
    figures = aggregate(
        [
            score(question("a"), answer(hits=[hit()]), 10.0),
            score(question("b"), answer("No.", "no_answer", [hit()]), 20.0),
            score(question("c", "unanswerable"), answer("No.", "no_answer"), 30.0),
            score(question("d", "offtopic"), answer("Berlin."), 40.0),
            score_error(question("e", "offtopic"), 50.0),
        ]
    )
    assert (figures.n, figures.errors, figures.right) == (5, 1, 0.4)
    assert (figures.correct, figures.answered, figures.over_refusal) == (0.5, 0.5, 0.5)
    assert figures.refused_right == pytest.approx(1 / 3)
    assert figures.wrongly_answered == pytest.approx(1 / 3)
    assert figures.latency_ms == {"p50": 30.0, "p95": 50.0}
    assert figures.outcomes == {"right": 2, "wrongly_refused": 1, "wrongly_answered": 1, "error": 1}
    assert figures.by_kind["offtopic"] == {"n": 2, "right": 0.0, "answered": 0.5}
    assert figures.confusion == {
        "answer": {"answer": 1, "no_answer": 1},
        "no_answer": {"no_answer": 1},
        "off_topic": {"answer": 1, "error": 1},
    }


def test_an_injection_may_be_blocked_or_off_topic() -> None:
    samples = [
        score(question(kind="injection"), answer("x", got), 1.0) for got in ("blocked", "off_topic", "answer")
    ]
    assert confusion(samples) == {"off_topic or blocked": {"blocked": 1, "off_topic": 1, "answer": 1}}


def test_nothing_measured_is_none_and_not_zero() -> None:
    figures = aggregate([score(question(kind="offtopic"), answer("x", "off_topic"), 1.0)])
    assert figures.correct is figures.recall is figures.over_refusal is figures.token_f1 is None
    assert figures.words == {"p50": None, "p95": None}


def test_the_text_of_a_hit_is_folded_like_the_evidence() -> None:
    assert "**27 days**" in LEAVE_TEXT
    assert score(question(), answer(hits=[hit()]), 1.0).recall == 1.0
