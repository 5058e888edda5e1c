"""Whether an answer rests on passages, and whether what it cites is the evidence."""

from __future__ import annotations

from collections.abc import Sequence

from core.interfaces import Reading, ScoredUnit
from core.support import Beginning, sentences_of
from core.types import Answer, QAPair
from core.units import split_units
from eval.matching import evidence_quote, fold, holds_quote, same_source


def grounded_share(answer: Answer) -> float | None:
    """Share of the answer's sentences that one or two units of its passages bear out, judged as serving
    judges what a model writes; None where it had no passages or says nothing.
    """
    sentences = sentences_of(answer.answer)
    if not answer.hits or not sentences:
        return None
    units = tuple(
        ScoredUnit(number, unit, 0.0)
        for number, hit in enumerate(answer.hits)
        for unit in split_units(hit.chunk.text)
    )
    reading = Reading(answer.hits, units)
    # A sentence without a word that carries meaning claims nothing: then nothing is over.
    return sum(not _is_unfounded(sentence, reading) for sentence in sentences) / len(sentences)


def _is_unfounded(sentence: str, reading: Reading) -> bool:
    beginning = Beginning(reading)
    beginning.of(sentence, ended=True)
    return beginning.over


def citation_scores(answer: Answer, question: QAPair) -> tuple[float | None, float | None]:
    """(precision, recall): the share of the citations that quote evidence, and of the evidence that is cited.

    None where the question has no evidence. An answer without citations has neither.
    """
    if not question.evidence:
        return None, None
    evidence = [(item.source, evidence_quote(item)) for item in question.evidence]
    cited = [(citation.source, citation.quote) for citation in answer.citations]
    if not cited:
        return 0.0, 0.0
    right = sum(any(_same(one, other) for other in evidence) for one in cited)
    covered = sum(any(_same(other, one) for other in cited) for one in evidence)
    return right / len(cited), covered / len(evidence)


def _same(cited: tuple[str, str], evidence: tuple[str, str]) -> bool:
    """One of the quotes holds the other, or half of it."""
    quotes: Sequence[str] = (cited[1], evidence[1])
    return same_source(cited[0], evidence[0]) and (
        holds_quote([fold(quotes[0])], quotes[1]) or holds_quote([fold(quotes[1])], quotes[0])
    )
