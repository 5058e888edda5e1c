from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import IndexEmptyError
from core.reading import first_hits
from core.retrieval import Retriever
from core.settings import RetrievalSettings
from core.types import EVERYTHING, Chunk, Filters
from tests.fakes import FakeEmbedder, FakeReranker, FakeVocabulary


class ListedIndex:
    """An index whose two searches give what the test lists."""

    version = 1

    def __init__(self, dense: dict[str, float], lexical: dict[str, float], texts: dict[str, str]) -> None:
        self._dense, self._lexical, self._texts = dense, lexical, texts

    @property
    def is_empty(self) -> bool:
        return not self._texts

    def count_chunks(self) -> int:
        return len(self._texts)

    def dense(
        self, vector: NDArray[np.float32], k: int, filters: Filters = EVERYTHING
    ) -> list[tuple[str, float]]:
        return list(self._dense.items())[:k]

    def lexical(self, query: str, k: int, filters: Filters = EVERYTHING) -> list[tuple[str, float]]:
        return list(self._lexical.items())[:k]

    def vocabulary(self, filters: Filters = EVERYTHING) -> FakeVocabulary:
        return FakeVocabulary(self._texts.values())

    def chunks(self, ids: Sequence[str]) -> dict[str, Chunk]:
        return {
            name: Chunk(name, name, f"{name}.md", name, (), self._texts[name], 0)
            for name in ids
            if name in self._texts
        }


def retriever(index: ListedIndex, reranked: bool = False, **settings: float) -> Retriever:
    return Retriever(
        index,
        FakeEmbedder(),
        FakeReranker() if reranked else None,
        RetrievalSettings.model_validate(settings),
    )


TEXTS = {"a": "red pump", "b": "green valve", "c": "blue hose"}


def test_bm25_lifts_a_hit_in_proportion_to_the_best_one() -> None:
    index = ListedIndex({"a": 0.5, "b": 0.45}, {"b": 8.0, "a": 2.0}, TEXTS)
    hits = retriever(index, lexical_weight=0.2).search("pump", 5)
    assert [(hit.chunk.id, round(hit.score, 3)) for hit in hits] == [("b", 0.65), ("a", 0.55)]


def test_where_bm25_finds_nothing_the_dense_order_stands() -> None:
    index = ListedIndex({"a": 0.5, "b": 0.45, "c": 0.1}, {}, TEXTS)
    assert [hit.chunk.id for hit in retriever(index).search("pump", 2)] == ["a", "b"]


def test_a_hit_of_bm25_alone_counts_as_no_more_similar_than_the_last_dense_one() -> None:
    index = ListedIndex({"a": 0.5, "b": 0.3}, {"c": 5.0}, TEXTS)
    hits = {hit.chunk.id: hit for hit in retriever(index, lexical_weight=0.25).search("hose", 5)}
    assert hits["c"].dense == pytest.approx(0.3)
    assert hits["c"].score == pytest.approx(0.55)


def test_the_reranker_reorders_only_the_head() -> None:
    index = ListedIndex({"a": 0.5, "b": 0.49, "c": 0.48}, {}, TEXTS)
    hits = retriever(index, reranked=True, rerank_top=2, rerank_weight=0.3).search("green valve", 3)
    assert [hit.chunk.id for hit in hits] == ["b", "a", "c"]
    assert hits[0].rerank is not None
    assert hits[2].rerank is None


def test_a_chunk_that_was_deleted_between_search_and_lookup_is_left_out() -> None:
    index = ListedIndex({"a": 0.5, "gone": 0.9}, {}, TEXTS)
    assert [hit.chunk.id for hit in retriever(index).search("pump", 5)] == ["a"]


def test_a_chunk_that_the_filters_deny_is_left_out_whatever_the_searches_find() -> None:
    index = ListedIndex({"a": 0.5}, {"b": 8.0}, TEXTS)
    assert [hit.chunk.id for hit in retriever(index).fuse("pump", Filters(groups=()))] == ["b", "a"]
    assert retriever(index).fuse("pump", Filters(collection="hr")) == []


def test_an_empty_index_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(IndexEmptyError, match="reindex"):
        retriever(ListedIndex({}, {}, {})).search("pump", 5)


class SearchedIndex(ListedIndex):
    """Its dense search compares vectors."""

    def __init__(self, texts: dict[str, str]) -> None:
        super().__init__({}, {}, texts)
        self._vectors = FakeEmbedder().embed(list(texts.values()))

    def dense(
        self, vector: NDArray[np.float32], k: int, filters: Filters = EVERYTHING
    ) -> list[tuple[str, float]]:
        similar = zip(self._texts, (self._vectors @ vector).tolist(), strict=True)
        return sorted(similar, key=lambda found: -found[1])[:k]


ASKED_TWICE = "How many days of red leave, and who mends the hose?"
HANDBOOK = {
    **{f"leave {n}": f"Red leave of how many days of leave {n}." for n in range(8)},
    "hose": "Joe mends the hose.",
}


def test_what_half_a_question_finds_best_is_among_the_first_hits() -> None:
    index = SearchedIndex(HANDBOOK)
    whole, halves = (
        [hit.chunk.id for hit in retriever(index, reranked=True, part_top=top).search(ASKED_TWICE, 9)]
        for top in (0, 6)
    )
    assert "hose" not in whole[:5]
    assert halves.index("hose") < 5
    assert halves[:4] == whole[:4]  # the last of the first made room
    assert sorted(halves) == sorted(whole)


def test_hits_go_by_their_score_when_one_was_moved_up() -> None:
    hits = retriever(SearchedIndex(HANDBOOK), reranked=True).search(ASKED_TWICE, 9)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


@pytest.mark.parametrize("k", [2, 3])
def test_where_few_hits_are_kept_the_halves_are_among_them_and_the_first_stays(k: int) -> None:
    found = retriever(SearchedIndex(HANDBOOK), reranked=True)
    kept = first_hits(found.read(ASKED_TWICE, found.fuse(ASKED_TWICE)), k)
    hits = found.read_parts(ASKED_TWICE, kept, among=k).hits
    assert "hose" in [hit.chunk.id for hit in hits[:k]]
    assert hits[0] == kept.hits[0]
    assert len({hit.chunk.id for hit in hits}) == len(hits)


def test_where_one_hit_is_kept_it_is_that_of_the_whole_question() -> None:
    found = retriever(SearchedIndex(HANDBOOK), reranked=True)
    kept = first_hits(found.read(ASKED_TWICE, found.fuse(ASKED_TWICE)), 1)
    assert found.read_parts(ASKED_TWICE, kept, among=1).hits == kept.hits


def test_half_a_question_finds_nothing_that_the_filters_deny() -> None:
    found = retriever(SearchedIndex(HANDBOOK), reranked=True)
    denied = found.read(ASKED_TWICE, found.fuse(ASKED_TWICE))
    assert found.read_parts(ASKED_TWICE, denied, Filters(collection="hr")) == denied
