"""What is measured of an answer's text: its faults, what it rests on, what it cites."""

from dataclasses import replace

import pytest

from core import spelling
from core.types import Answer, Evidence
from eval.faults import text_faults
from eval.grounding import citation_scores, grounded_share
from eval.metrics import score
from eval.results import ArmResult
from eval.sharing import Traced
from eval.similarity import with_similarity
from tests.eval.building import LEAVE, answer, hit, question
from tests.fakes import FakeEmbedder, FakeVocabulary

GOOD = answer("Everyone gets 27 days of leave.", hits=[hit()])


def faults(reply: Answer) -> tuple[str, ...]:
    words = FakeVocabulary(["everyone gets leave in march", "leave lapses in march", "everyone gets leave"])

    def mended(text: str) -> str:
        return spelling.mended(text, words, lambda word: False)

    return text_faults(reply, grounded_share(reply), 100, mended)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Everyone gets 27 days of leave.", ()),
        ("Everyone gets 27 days of leeave.", ("misspelt",)),
        ("Everyone gets 27 days of leave. [1]", ()),
        ("Everyone gets 27 days of", ("off_format",)),
        ("### Answer: Everyone gets 27 days of leave.", ("off_format",)),
        ("Answer: Everyone gets 27 days of leave.", ("off_format",)),
        ("Everyone gets 27 days of leave. Everyone gets 27 days of leave.", ("repetitive",)),
        ("Everyone gets 28 days of leave.", ("ungrounded",)),
        ("Nobody gets any leave whatsoever.", ("ungrounded",)),
    ],
)
def test_faults_of_a_text_are_named(text: str, found: tuple[str, ...]) -> None:
    assert faults(replace(GOOD, answer=text)) == found


def test_a_text_that_ran_out_of_tokens_or_over_the_limit_is_too_long() -> None:
    assert "too_long" in faults(replace(GOOD, finish_reason="length"))
    assert "too_long" in faults(replace(GOOD, answer="leave " * 101 + "."))


def test_a_mark_that_cites_nothing_is_a_fault_of_form() -> None:
    cited = answer("Everyone gets 27 days of leave. [2]", hits=[hit()], quotes=["Everyone gets **27 days**"])
    assert faults(cited) == ("off_format",)


def test_half_of_two_sentences_may_be_grounded_and_nothing_without_passages() -> None:
    mixed = replace(GOOD, answer="Everyone gets 27 days of leave. The canteen serves pizza on Fridays.")
    assert grounded_share(mixed) == 0.5
    assert grounded_share(replace(GOOD, hits=())) is None


def test_citations_are_right_where_they_quote_evidence_and_evidence_may_be_left_uncited() -> None:
    asked = question(
        evidence=(
            Evidence(LEAVE, "Everyone gets 27 days of leave."),
            Evidence(LEAVE, "Unused days lapse in March."),
        )
    )
    reply = answer("27 days", quotes=["Everyone gets **27 days** of leave.", "The canteen opens at eight."])
    assert citation_scores(reply, asked) == (0.5, 0.5)
    elsewhere = answer("27 days", quotes=["Everyone gets **27 days** of leave."], source="other.md")
    assert citation_scores(elsewhere, asked) == (0.0, 0.0)
    assert citation_scores(answer("27 days"), asked) == (0.0, 0.0)
    assert citation_scores(reply, question(evidence=())) == (None, None)


def test_a_trace_tells_retrieval_from_reading() -> None:
    wrong = [hit(f"The canteen opens at {n}.", "canteen.md") for n in range(12)]
    base = answer("No.", "no_answer", hits=wrong[:3])
    values = {name: getattr(base, name) for name in Answer.__dataclass_fields__}
    late = Traced(**values, fused=(hit(), *wrong), ranked=(*wrong[:7], hit(), *wrong[7:]), read=8)
    found = score(question(), late, 1.0)
    assert (found.evidence_read, found.evidence_kept) == (1.0, 0.0)
    assert (found.recall, found.recall_10) == (0.0, 1.0)
    assert found.reciprocal_rank == 0.0
    assert found.outcome == "wrongly_refused"  # it was read, so that retrieval is not to blame
    answered = score(question(), replace(late, answer="28 days.", answer_type="answer"), 1.0)
    assert answered.outcome == "reader_missed"
    assert score(question(), replace(late, fused=(*wrong, hit())), 1.0).outcome == "retrieval_missed"
    assert found.ndcg == pytest.approx(0.3155, abs=1e-4)


def test_an_arm_that_does_not_retrieve_is_not_judged_by_retrieval() -> None:
    found = score(question(), answer("27 days of leave."), 1.0)
    assert (found.recall, found.ndcg, found.evidence_read, found.grounded) == (None, None, None, None)
    assert found.correct is True


def test_similarity_is_one_for_the_reference_itself_and_nothing_for_a_refusal() -> None:
    questions = [question("a"), question("b"), question("c"), question("d", "offtopic")]
    answers = (
        answer("You get 27 days of leave. [1]"),
        answer("The canteen opens at eight."),
        answer("I do not know.", "no_answer"),
        answer("Not my job.", "off_topic"),
    )
    samples = tuple(score(one, reply, 1.0) for one, reply in zip(questions, answers, strict=True))
    result = with_similarity(ArmResult("base", "", answers, samples), questions, FakeEmbedder())
    same, other, declined, refusal = (sample.similarity for sample in result.samples)
    assert same == pytest.approx(1.0, abs=1e-5)
    assert other is not None
    assert other < 0.5
    assert (declined, refusal) == (0.0, None)
    assert result.aggregate.similarity == pytest.approx((1 + other) / 3, abs=1e-5)
