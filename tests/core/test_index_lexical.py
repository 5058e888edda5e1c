"""BM25: what people type is never syntax."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.index.index import Index
from core.index.lexical import search_terms
from tests.core.test_index import fill, open_index, put


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    index = open_index(tmp_path_factory.mktemp("lexical"))
    with index.writer() as writer:
        put(
            writer,
            "leave",
            "Employees reimbursed for [childcare](https://x.example/secretpath)",
            "Nothing else",
        )
        put(writer, "errors", "Code E-1234: the café's valve_lock failed", "A valve is a valve is a valve")
        writer.commit()
    return index


@pytest.mark.parametrize(
    "query",
    [
        '"', "'", "a AND", "NOT", "OR OR", "x NEAR y", "title:leave", "(((", "*", "^", "-", "a*b", '"open',
        "{col}: x", "\0", "what's up", "ß İ 漢字", "😀", "; DROP TABLE chunks;--", "%_", "a" * 5000,
        "x " * 3000, "", "   ", "the of and",
    ],
)  # fmt: skip
def test_any_text_is_a_valid_query(index: Index, query: str) -> None:
    assert isinstance(index.lexical(query, 5), list)


def test_words_match_by_their_stem_and_without_accents(index: Index) -> None:
    assert index.lexical("reimbursement of employee", 1)[0][0].startswith("leave-0")
    assert index.lexical("cafe", 1)[0][0].startswith("errors-0")


def test_codes_are_found_with_and_without_their_hyphen(index: Index) -> None:
    assert index.lexical("e-1234?", 1)[0][0].startswith("errors-0")
    assert index.lexical("valve_lock", 1)[0][0].startswith("errors-0")


def test_scores_are_positive_and_best_first(index: Index) -> None:
    scores = [score for _, score in index.lexical("valve failed", 5)]
    assert len(scores) == 2
    assert scores[0] > scores[1] > 0


def test_link_targets_are_not_searched(index: Index) -> None:
    assert index.lexical("secretpath", 5) == []


def test_a_question_of_stop_words_alone_searches_for_them() -> None:
    assert search_terms("What is it?") == ["what", "is", "it"]
    assert search_terms("What's the notice period, and who's in charge?") == ["notice", "period", "charge"]


def test_nothing_is_found_for_k_of_zero(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    fill(index, "apple")
    assert index.lexical("apple", 0) == []
