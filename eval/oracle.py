"""Answering from the evidence itself: what an arm could reach if retrieval never missed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from core.answering import Answerer
from core.decoding import Decoding
from core.types import EVERYTHING, Answer, Chunk, Evidence, Filters, Hit, Message, QAPair
from eval.matching import evidence_quote, fold, holds_quote, same_source
from eval.sharing import SharingRetriever

Key = tuple[str, tuple[Message, ...]]


@dataclass(frozen=True)
class GoldRetriever(SharingRetriever):
    """Finds these passages, whatever is asked, with the scores that the search would give them."""

    gold: tuple[Chunk, ...]

    def fuse(
        self, query: str, filters: Filters = EVERYTHING, vector: NDArray[np.float32] | None = None
    ) -> list[Hit]:
        found = {hit.chunk.id: hit for hit in super().fuse(query, filters, vector)}
        missed = [chunk for chunk in self.gold if chunk.id not in found]
        if missed:
            asked = self.embedder.embed([query])[0] if vector is None else vector
            cosines = self.embedder.embed([chunk.searched for chunk in missed]) @ asked
            for chunk, cosine in zip(missed, map(float, cosines), strict=True):
                found[chunk.id] = Hit(chunk, cosine, dense=cosine)
        hits = sorted((found[chunk.id] for chunk in self.gold), key=lambda hit: (-hit.score, hit.chunk.id))
        self.memory.trace.fused = tuple(hits)
        return hits


def key_of(question: QAPair) -> Key:
    return question.question, question.history


def gold_passages(questions: Sequence[QAPair], chunks: Iterable[Chunk]) -> dict[Key, tuple[Chunk, ...]]:
    """The indexed chunks that hold the evidence, of every question of which there are any."""
    wanted = {PurePosixPath(item.source).name for question in questions for item in question.evidence}
    places: dict[str, list[tuple[Chunk, str]]] = defaultdict(list)
    for chunk in chunks:
        name = PurePosixPath(chunk.source).name
        if name in wanted:
            places[name].append((chunk, fold(chunk.text)))
    found = {}
    for question in questions:
        gold = [
            chunk
            for item in question.evidence
            for chunk in _holding(item, places[PurePosixPath(item.source).name])
        ]
        if gold:
            found[key_of(question)] = tuple({chunk.id: chunk for chunk in gold}.values())
    return found


def _holding(evidence: Evidence, places: Sequence[tuple[Chunk, str]]) -> list[Chunk]:
    """The first chunk with the whole quote, else all with one of its halves."""
    quote = evidence_quote(evidence)
    of_source = [(chunk, text) for chunk, text in places if same_source(chunk.source, evidence.source)]
    whole = [chunk for chunk, text in of_source if fold(quote) in text]
    return whole[:1] or [chunk for chunk, text in of_source if holds_quote([text], quote)]


def answer_from_gold(
    answerer: Callable[[], Answerer], gold: Mapping[Key, tuple[Chunk, ...]], decoding: Decoding
) -> Callable[[str, Sequence[Message]], Answer]:
    """Through the answerer; a question without evidence in the index retrieves as ever."""

    def answer(question: str, history: Sequence[Message]) -> Answer:
        plain = answerer()
        passages = gold.get((question, tuple(history)))
        retriever = plain.retriever
        if passages is None or not isinstance(retriever, SharingRetriever):
            return plain.answer(question, history, decoding)
        seeing = GoldRetriever(
            retriever.index,
            retriever.embedder,
            retriever.reader,
            retriever.settings,
            retriever.memory,
            passages,
        )
        return replace(plain, retriever=seeing).answer(question, history, decoding)

    return answer
