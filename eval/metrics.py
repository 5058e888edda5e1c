"""What one answer is worth. What an arm's answers are worth together: `eval/aggregates.py`.

None in a field means that the measure does not apply to the question, and it is left out of means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from core.support import without_marks
from core.types import Answer, QAPair
from eval import ranking
from eval.faults import Fault, text_faults
from eval.grounding import citation_scores, grounded_share
from eval.matching import (
    evidence_quote,
    exact_match,
    fold,
    fold_space,
    held_numbers,
    holds_keyword,
    holds_quote,
    rouge_l,
    rouge_n,
    same_source,
    token_f1,
)
from eval.questions import ANSWER_KINDS, REFUSAL_KINDS
from eval.sharing import Traced

LONGEST_ANSWER = 100  # words; a reader who is handed a page has not been answered
RECALL_AT = 5  # hits
DEEPEST = 10  # hits that are looked through
EXPECTED: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(ANSWER_KINDS, ("answer",)),
    "unanswerable": ("no_answer",),
    "offtopic": ("off_topic",),
    "injection": ("off_topic", "blocked"),
}
Outcome = Literal[
    "right",
    "retrieval_missed",  # to be answered: no passage with the evidence reached the reader
    "reader_missed",  # to be answered: the passage was there, the answer is wrong or too long
    "wrongly_refused",  # to be answered: the passage was there, but it declined
    "wrongly_answered",  # to be declined, but it answered
    "wrong_refusal",  # declined for the wrong reason: no_answer for off_topic or the other way round
    "error",
    "unjudged",  # answered, but the question has no keywords to judge by
]
OUTCOMES: tuple[Outcome, ...] = (
    "right", "retrieval_missed", "reader_missed", "wrongly_refused", "wrongly_answered", "wrong_refusal",
    "error", "unjudged",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sample:
    """One question through one arm. Questions to be declined have None where only answers are measured."""

    id: str
    kind: str
    cluster: str  # the document of the first evidence; a question without evidence stands alone
    answer_type: str  # of the Answer, or `error`
    outcome: Outcome
    right: bool | None  # correct where it is to be answered, else declined for the right reason
    latency_ms: float
    correct: bool | None = None  # answered in at most LONGEST_ANSWER words that hold every keyword
    answered: bool | None = None
    refused_right: bool | None = None
    recall: float | None = None  # share of the evidence quotes in the first RECALL_AT hits
    reciprocal_rank: float | None = None  # of the first of these hits that holds an evidence quote, else 0
    cited_right: bool | None = None  # a citation names a source of the evidence
    quotes_verbatim: float | None = None  # share of the citations whose quote stands in a hit of their source
    token_f1: float | None = None  # with the reference answer; 0 where it declined
    rouge_l: float | None = None
    words: int | None = None  # of an answer; None where it declined
    missing_keywords: tuple[str, ...] = ()
    recall_1: float | None = None  # as `recall`, in so many hits as the reader and fusion order them
    recall_3: float | None = None
    recall_10: float | None = None
    ndcg: float | None = None  # in the first 10
    evidence_read: float | None = None  # share of the evidence quotes in the hits that the reader read
    evidence_kept: float | None = None  # in those that it left for the answer
    exact_match: bool | None = None
    rouge_1: float | None = None
    rouge_2: float | None = None
    keywords_held: float | None = None  # share
    numbers_held: float | None = None  # share of the reference's numbers
    similarity: float | None = None  # cosine of answer and reference; see eval/similarity.py
    citation_precision: float | None = None  # share of an answer's citations that quote evidence
    citation_recall: float | None = None  # share of the evidence that an answer cites
    grounded: float | None = None  # share of an answer's sentences that its passages bear out
    confidence: float | None = None  # the decision's probability that the documents hold the answer
    faults: tuple[Fault, ...] = ()  # of an answer's text
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    timings_ms: Mapping[str, float] = field(default_factory=dict)  # by stage

    @property
    def declined(self) -> bool | None:
        """Of a question that is to be declined: whether it was, for whatever reason."""
        return self.answer_type not in ("answer", "error") if self.kind in REFUSAL_KINDS else None


Mended = Callable[[str], str]  # a word without its slips


def score(question: QAPair, answer: Answer, latency_ms: float, mended: Mended | None = None) -> Sample:
    """Measures one answer. The hits that the answer carries are taken as what retrieval found, unless it
    brings a trace. Without `mended` no word is misspelt.
    """
    common = _common(question, answer, latency_ms, mended)
    if question.kind in REFUSAL_KINDS:
        return _score_refusal(question, answer, common)
    answered = answer.answer_type == "answer"
    missing = tuple(keyword for keyword in question.keywords if not holds_keyword(answer.answer, keyword))
    words = len(answer.answer.split())
    # Were declining judged and answering not, the mean would be of what was declined alone.
    correct = answered and words <= LONGEST_ANSWER and not missing if question.keywords else None
    quotes = [evidence_quote(evidence) for evidence in question.evidence]
    precision, recall = citation_scores(answer, question) if answered else (None, None)
    held = (len(question.keywords) - len(missing)) / len(question.keywords) if question.keywords else None
    return Sample(
        **common,
        **_retrieval(answer, quotes),
        **_likeness(answer.answer if answered else "", question.answer),
        outcome=_outcome(quotes, answered, correct, _texts(answer).read),
        right=correct,
        correct=correct,
        answered=answered,
        cited_right=answered and _cites(answer, question) if quotes else None,
        quotes_verbatim=_quotes_verbatim(answer) if answered else None,
        words=words if answered else None,
        missing_keywords=missing if answered else (),
        keywords_held=held if answered or held is None else 0.0,
        citation_precision=precision,
        citation_recall=recall,
    )


class _Texts(NamedTuple):
    """Folded texts of hits, best first; without a trace what the answer kept is all that is known."""

    ranked: list[str]  # once the reader has ordered them
    read: list[str]  # that the reader read
    kept: list[str]  # that it left for the answer


def _texts(answer: Answer) -> _Texts:
    kept = [fold(hit.chunk.text) for hit in answer.hits]
    if not (isinstance(answer, Traced) and answer.ranked):
        return _Texts(kept, kept, kept)
    ranked = [fold(hit.chunk.text) for hit in answer.ranked[:DEEPEST]]
    return _Texts(ranked, [fold(hit.chunk.text) for hit in answer.fused[: answer.read]], kept)


def _retrieval(answer: Answer, quotes: Sequence[str]) -> dict[str, Any]:
    """Nothing where the arm does not retrieve."""
    if not quotes or not (answer.hits or answer.answer_type == "blocked"):
        return {}
    ranked, read, kept = _texts(answer)
    ranks = ranking.found_at(ranked[:DEEPEST], quotes)
    return {
        "recall": ranking.recall(ranks, RECALL_AT),
        "reciprocal_rank": ranking.reciprocal_rank(ranks, RECALL_AT),
        **{f"recall_{k}": ranking.recall(ranks, k) for k in (1, 3, DEEPEST)},
        "ndcg": ranking.ndcg(ranks, DEEPEST),
        "evidence_read": mean(holds_quote(read, quote) for quote in quotes),
        "evidence_kept": mean(holds_quote(kept, quote) for quote in quotes),
    }


def _likeness(text: str, reference: str) -> dict[str, Any]:
    """`text` is empty where the arm declined, which is like no reference. Citation marks are no words."""
    if not reference:
        return {}
    text = without_marks(text)
    numbers = held_numbers(text, reference)
    return {
        "exact_match": bool(text) and exact_match(text, reference),
        "token_f1": token_f1(text, reference) if text else 0.0,
        "rouge_1": rouge_n(text, reference, 1),
        "rouge_2": rouge_n(text, reference, 2),
        "rouge_l": rouge_l(text, reference),
        "numbers_held": numbers,
    }


def score_error(question: QAPair, latency_ms: float) -> Sample:
    """The arm raised an error instead of answering: wrong in every respect."""
    wrong = Answer("", "answer" if question.kind in REFUSAL_KINDS else "blocked")
    return replace(score(question, wrong, latency_ms), answer_type="error", outcome="error")


def _score_refusal(question: QAPair, answer: Answer, common: dict[str, Any]) -> Sample:
    right = answer.answer_type in EXPECTED[question.kind]
    wrong: Outcome = "wrongly_answered" if answer.answer_type == "answer" else "wrong_refusal"
    return Sample(**common, outcome="right" if right else wrong, right=right, refused_right=right)


def _common(question: QAPair, answer: Answer, latency_ms: float, mended: Mended | None) -> dict[str, Any]:
    alone = question.kind in REFUSAL_KINDS or not question.evidence
    answered = answer.answer_type == "answer"
    grounded = grounded_share(answer) if answered else None
    usage = answer.usage
    return {
        "id": question.id,
        "kind": question.kind,
        "cluster": f"question {question.id}" if alone else question.evidence[0].source,
        "answer_type": answer.answer_type,
        "latency_ms": latency_ms,
        "grounded": grounded,
        "confidence": answer.confidence if answer.hits else None,
        "faults": text_faults(answer, grounded, LONGEST_ANSWER, mended) if answered else (),
        "prompt_tokens": usage.prompt_tokens if usage.completion_tokens else None,
        "completion_tokens": usage.completion_tokens or None,
        "timings_ms": {stage: round(ms, 2) for stage, ms in answer.timings_ms.items()},
    }


def _outcome(quotes: Sequence[str], answered: bool, correct: bool | None, read: Sequence[str]) -> Outcome:
    """`read`: the texts that the reader read. Declining without any is the fault of the decision, not of
    retrieval.
    """
    if correct:
        return "right"
    if correct is None and answered:
        return "unjudged"
    if quotes and read and not any(holds_quote(read, quote) for quote in quotes):
        return "retrieval_missed"
    return "reader_missed" if answered else "wrongly_refused"


def _cites(answer: Answer, question: QAPair) -> bool:
    wanted = [evidence.source for evidence in question.evidence]
    return any(same_source(citation.source, source) for citation in answer.citations for source in wanted)


def _quotes_verbatim(answer: Answer) -> float:
    """White space is folded, nothing else. An answer without citations has none that are verbatim."""
    texts = [(hit.chunk.source, fold_space(hit.chunk.text)) for hit in answer.hits]
    return (
        mean(
            bool(citation.quote.strip())
            and any(
                source == citation.source and fold_space(citation.quote) in text for source, text in texts
            )
            for citation in answer.citations
        )
        or 0.0
    )


def mean(values: Iterable[float | None]) -> float | None:
    """Of the values that there are."""
    present = [value for value in values if value is not None]
    return sum(present) / len(present) if present else None
