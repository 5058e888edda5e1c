"""Whether a tuned adapter may serve: both arms answer the held-out questions, and the tuned one has to win.

A question is done right where an answerable one is answered with a citation of its evidence, and where any
other one is declined. The difference is judged as `eval` judges it: by a paired bootstrap and a sign-flip
test over whole documents (`core/statistics.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.answering import Answerer
from core.progress import Progress, silent
from core.reading import fold
from core.retrieval import Retriever
from core.statistics import FEWEST_CLUSTERS, LEVEL, sign_flip_p_value, widened_tail
from core.types import EVERYTHING, Answer, Filters, Hit, QAPair
from finetune.datasets import ANSWERABLE_KINDS, group_of

WORST_REGRESSION = -0.03  # one question in forty of another handbook may go wrong by chance
_DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one arm did with one held-out question."""

    kind: str
    group: str  # its document, or its topic
    answered: bool
    right: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """Tuned minus base, in shares of questions done right, with its 95% interval; None: too few documents."""

    mean: float
    low: float | None
    high: float | None
    p_value: float  # of a two-sided sign-flip test over documents and topics


@dataclass(frozen=True)
class WithholdingRetriever(Retriever):
    """Retrieval as if one chunk, and every other one that holds these quotes, were not indexed."""

    chunk_id: str = ""
    quotes: tuple[str, ...] = ()

    def fuse(
        self, query: str, filters: Filters = EVERYTHING, vector: NDArray[np.float32] | None = None
    ) -> list[Hit]:
        return [hit for hit in super().fuse(query, filters, vector) if not self._withheld(hit)]

    def _withheld(self, hit: Hit) -> bool:
        folded = fold(hit.chunk.text)
        return hit.chunk.id == self.chunk_id or any(fold(quote) in folded for quote in self.quotes)


def ask_all(
    answerer: Answerer, pairs: Sequence[QAPair], name: str, progress: Progress = silent
) -> list[Outcome]:
    """One outcome a pair, through the path that serves."""
    outcomes = []
    for done, pair in enumerate(pairs, 1):
        seeing = replace(answerer, retriever=without_its_passage(answerer.retriever, pair))
        answer = seeing.answer(pair.question, pair.history)
        outcomes.append(outcome_of(pair, answer))
        progress(f"ask the {name} model", done, len(pairs))
    return outcomes


def ask_both(
    base: Answerer, tuned: Answerer, pairs: Sequence[QAPair], progress: Progress = silent
) -> tuple[list[Outcome], list[Outcome]]:
    """What both do with the same questions. The second half is asked only where the tuned one did better with
    the first: it has to be better by more than chance, and does not get there from behind.
    """
    halves = pairs[::2], pairs[1::2]
    before, after = (
        ask_all(arm, halves[0], name, progress) for arm, name in ((base, "current"), (tuned, "tuned"))
    )
    if sum(item.right for item in after) > sum(item.right for item in before):
        before += ask_all(base, halves[1], "current", progress)
        after += ask_all(tuned, halves[1], "tuned", progress)
    return before, after


def without_its_passage(plain: Retriever, pair: QAPair) -> Retriever:
    """The retriever that a question is asked through: a contrast question's does not find its passage."""
    if pair.kind != "unanswerable" or not pair.evidence:
        return plain
    quotes = tuple(evidence.quote for evidence in pair.evidence)
    return WithholdingRetriever(
        plain.index, plain.embedder, plain.reader, plain.settings, pair.chunk_id, quotes
    )


def outcome_of(pair: QAPair, answer: Answer) -> Outcome:
    answered = answer.answer_type == "answer"
    if pair.kind in ANSWERABLE_KINDS:
        right = answered and cites_evidence(answer, pair)
    elif pair.kind == "unanswerable":
        right = not answered
    else:
        right = answer.answer_type in ("off_topic", "blocked")
    return Outcome(pair.kind, group_of(pair), answered, right)


def cites_evidence(answer: Answer, pair: QAPair) -> bool:
    """True where a cited quote holds a piece of evidence, or a piece of evidence holds it."""
    wanted = [fold(evidence.quote) for evidence in pair.evidence]
    quotes = [fold(citation.quote) for citation in answer.citations]
    return any(quote in text or text in quote for quote in quotes for text in wanted if quote and text)


def summary(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Shares by what they are of; a kind that was not asked is left out."""

    def share(flags: Sequence[bool]) -> float:
        return round(sum(flags) / len(flags), 4)

    answerable = [item for item in outcomes if item.kind in ANSWERABLE_KINDS]
    shares = {"questions": float(len(outcomes)), "right": share([item.right for item in outcomes])}
    if answerable:
        shares["evidence_cited"] = share([item.right for item in answerable])
        shares["over_refusal"] = share([not item.answered for item in answerable])
    for kind in ("unanswerable", "offtopic", "injection"):
        if asked := [item.right for item in outcomes if item.kind == kind]:
            shares[f"{kind}_refused"] = share(asked)
    return shares


def difference(base: Sequence[Outcome], tuned: Sequence[Outcome], seed: int) -> Difference:
    """Of the same questions in the same order. Documents are drawn among documents, and topics among topics:
    how many questions are of which sort was chosen, not found.
    """
    gains: dict[bool, dict[str, list[float]]] = {True: defaultdict(list), False: defaultdict(list)}
    for before, after in zip(base, tuned, strict=True):
        of_documents = before.kind not in ("offtopic", "injection")
        gains[of_documents][before.group].append(float(after.right) - float(before.right))
    every = [
        (gain, f"{sort} {name}")
        for sort, groups in gains.items()
        for name, values in groups.items()
        for gain in values
    ]
    p_value = sign_flip_p_value([gain for gain, _ in every], [name for _, name in every], seed=seed)
    documents = len(gains[True])
    rng = np.random.default_rng(seed)
    sums, sizes = np.zeros(_DRAWS + 1), np.zeros(_DRAWS + 1)  # the sample itself last
    for groups in filter(None, gains.values()):
        each = np.array([(sum(values), len(values)) for values in groups.values()])
        drawn = rng.integers(len(each), size=(_DRAWS, len(each)))
        sums += np.append(each[drawn, 0].sum(axis=1), each[:, 0].sum())
        sizes += np.append(each[drawn, 1].sum(axis=1), each[:, 1].sum())
    means = sums / sizes
    mean = round(float(means[-1]), 4)
    if documents < FEWEST_CLUSTERS:
        return Difference(mean, None, None, p_value)
    tail = widened_tail(documents)
    low, high = np.quantile(means[:-1], (tail, 1 - tail))
    return Difference(mean, round(float(low), 4), round(float(high), 4), p_value)


def decide(base: Mapping[str, float], tuned: Mapping[str, float], gain: Difference) -> tuple[bool, str]:
    """(promote, why) from both summaries and their difference; the reason is one sentence."""
    rise = round(tuned.get("over_refusal", 0.0) - base.get("over_refusal", 0.0), 4)
    count = f"{tuned['questions']:.0f} held-out questions"
    shares = f"{tuned['right']:.1%} of {count} right, {base['right']:.1%} before"
    if gain.mean <= 0:
        return False, f"Not promoted: the tuned model is not better ({shares})."
    if gain.low is None or gain.high is None:
        return False, (
            f"Not promoted: questions on fewer than {FEWEST_CLUSTERS} held-out documents cannot tell a gain "
            f"from chance ({gain.mean:+.1%}); index more documents."
        )
    interval = f"{gain.mean:+.1%}, 95% interval {gain.low:+.1%} to {gain.high:+.1%}"
    if gain.low <= 0 or gain.p_value >= 1 - LEVEL:
        return False, f"Not promoted: the gain may be chance ({interval}); more documents would tell."
    if rise > 0:
        return False, f"Not promoted: it declines {rise:.1%} more of the answerable questions."
    return True, f"Promoted: {shares} ({interval})."


def kept(base: Mapping[str, float], tuned: Mapping[str, float]) -> tuple[bool, str]:
    """(nothing lost, what was lost) of what both did with the regression questions; one sentence."""
    loss = round(tuned["right"] - base["right"], 4)
    rise = round(tuned.get("over_refusal", 0.0) - base.get("over_refusal", 0.0), 4)
    count = f"{tuned['questions']:.0f} questions about another handbook"
    if loss < WORST_REGRESSION:
        return False, f"Not promoted: of {count} it gets {-loss:.1%} fewer right than before."
    if rise > -WORST_REGRESSION:
        return False, f"Not promoted: of {count} it declines {rise:.1%} more that could be answered."
    return True, ""
