"""What is kept of the questions that were made, and for how many of them why not."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from core.progress import Progress, silent
from core.types import Chunk, Hit
from finetune.languages import differ
from finetune.questions.passage import Candidate
from finetune.similarity import content_words, near_duplicates, overlap, words

MAX_OVERLAP = (
    0.67  # 98% of 1,204 questions of people (finetune/practice) share at most this with their evidence
)
FEWEST_WORDS, MOST_WORDS = 3, 30
FOUND_WITHIN = 10  # hits among which a question must find its own chunk

EVIDENCE, LENGTH, OVERLAP = "evidence not verbatim", "too short or too long", "too close to its evidence"
ANSWERED, DUPLICATE = "answer in the question", "near-duplicate"
LANGUAGE = "in another language than its evidence"
NOT_FOUND, QUOTA = "own chunk not found by retrieval", "over the quota of its document"

Search = Callable[[str], Sequence[Hit]]


@dataclass(frozen=True, slots=True)
class Made:
    """A candidate with the chunk that it was made from."""

    chunk: Chunk
    candidate: Candidate


def fault_of(made: Made) -> str:
    """Why the candidate alone is unusable; empty where nothing is wrong with it."""
    question, evidence = made.candidate.question, made.candidate.evidence
    if not evidence or not all(quote and quote in made.chunk.text for quote in evidence):
        return EVIDENCE
    if differ(question, " ".join(evidence), made.chunk.labels.language):
        return LANGUAGE
    if not FEWEST_WORDS <= len(question.split()) <= MOST_WORDS or not content_words(question):
        return LENGTH
    if _contains_answer(made.candidate):
        return ANSWERED
    if not made.candidate.human and overlap(question, " ".join(evidence)) > MAX_OVERLAP:
        return OVERLAP
    return ""


def _contains_answer(candidate: Candidate) -> bool:
    asked = " " + " ".join(words(candidate.question)) + " "
    answer = " ".join(words(candidate.answer))
    keywords = [" ".join(words(keyword)) for keyword in candidate.keywords]
    return (bool(answer) and f" {answer} " in asked) or any(key and f" {key} " in asked for key in keywords)


def sound(made: Iterable[Made], dropped: Counter[str]) -> list[Made]:
    """Those without a fault of their own; the first of near-duplicates."""
    kept = []
    for item in made:
        if fault := fault_of(item):
            dropped[fault] += 1
        else:
            kept.append(item)
    repeated = {later for _, later in near_duplicates([item.candidate.question for item in kept])}
    dropped[DUPLICATE] += len(repeated)
    return [item for index, item in enumerate(kept) if index not in repeated]


def answerable(
    made: Sequence[Made], search: Search, dropped: Counter[str], progress: Progress = silent
) -> list[Made]:
    """Those whose own chunk, or another one with the same evidence, is among the hits of their question."""
    kept = []
    for done, item in enumerate(made, 1):
        hits = search(item.candidate.question)
        if any(
            hit.chunk.id == item.chunk.id or _holds(hit.chunk, item.candidate) for hit in hits[:FOUND_WITHIN]
        ):
            kept.append(item)
        else:
            dropped[NOT_FOUND] += 1
        progress("check questions by retrieval", done, len(made))
    return kept


def _holds(chunk: Chunk, candidate: Candidate) -> bool:
    return all(quote in chunk.text for quote in candidate.evidence)


def within_quota(made: Sequence[Made], quota: int, dropped: Counter[str]) -> list[Made]:
    """At most `quota` a document: people's questions first, then the methods and chunks in turn."""
    by_document: dict[str, list[Made]] = defaultdict(list)
    for item in made:
        by_document[item.chunk.document_id].append(item)
    kept: list[Made] = []
    for items in by_document.values():
        chosen = _in_turn(items)[:quota]
        dropped[QUOTA] += len(items) - len(chosen)
        kept += chosen
    return kept


def _in_turn(items: Sequence[Made]) -> list[Made]:
    """Ordered so that each unit, method and chunk has its first question before any has its second."""
    units: Counter[str] = Counter()
    methods: Counter[str] = Counter()
    chunks: Counter[str] = Counter()
    ranked = []
    for position, item in enumerate(items):
        unit, method, chunk = item.candidate.evidence[0], item.candidate.method, item.chunk.id
        ranked.append(
            ((units[unit], 0 if item.candidate.human else 1, methods[method], chunks[chunk], position), item)
        )
        units[unit] += 1
        methods[method] += 1
        chunks[chunk] += 1
    return [item for _, item in sorted(ranked, key=lambda entry: entry[0])]


def self_sufficient(question: str) -> bool:
    """False where the question only makes sense to somebody who has just read the section."""
    return not re.search(
        r"\b(?:this|these|that section|the above|the following|below|the table)\b", question, re.IGNORECASE
    )
