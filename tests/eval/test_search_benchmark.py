from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.index.index import Index
from core.settings import Settings
from eval.benchmarks.corpus import CHUNKS_OF_A_DOCUMENT, Corpus, practice_corpus, practice_questions
from eval.benchmarks.filling import Built, build
from eval.benchmarks.latency import Latency, Stopwatch
from eval.benchmarks.recall import recall
from eval.search_benchmark import SearchResult, markdown, measure, to_json
from tests.fakes import FakeEmbedder, FakeReranker


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return practice_corpus(FakeEmbedder(), block_chunks=100)


def result(chunks: int, fuse: float, bare: float) -> SearchResult:
    latency = {part: Latency(1.0, 2.0) for part in ("embed", "dense", "lexical", "rest")}
    latency |= {"fuse": Latency(fuse, 9.0), "bare": Latency(bare, 9.0)}
    return SearchResult(Built(chunks, 3.0, 4.0), 200, latency, Latency(50.0, 60.0), 0.987)


def test_a_block_is_the_same_each_time_and_others_differ(corpus: Corpus) -> None:
    first, again, other = (list(corpus.block(number)) for number in (1, 1, 2))
    assert [chunks for _, chunks, _ in first] == [chunks for _, chunks, _ in again]
    assert all((a[2] == b[2]).all() for a, b in zip(first, again, strict=True))
    assert {chunk.id for _, chunks, _ in first for chunk in chunks}.isdisjoint(
        chunk.id for _, chunks, _ in other for chunk in chunks
    )


def test_chunks_look_like_passages(corpus: Corpus) -> None:
    documents = list(corpus.block(0))
    texts = [chunk.text for _, chunks, _ in documents for chunk in chunks]
    vectors = np.concatenate([part for _, _, part in documents])
    assert [len(chunks) for _, chunks, _ in documents] == [CHUNKS_OF_A_DOCUMENT] * 5
    assert all(60 <= len(text.split()) <= 160 for text in texts)
    assert any("ERR-" in text for text in texts)
    assert "the" in " ".join(texts).lower().split()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    assert 0.6 < float((vectors @ corpus.centres.T).max(axis=1).mean()) < 1


def test_a_built_index_is_used_again_and_a_larger_one_goes_on(corpus: Corpus, tmp_path: Path) -> None:
    settings, embedder = Settings(), FakeEmbedder()
    seen: list[int] = []

    def build_to(chunks: int) -> Built:
        return build(
            chunks,
            corpus,
            settings,
            embedder,
            folder=tmp_path / "index",
            progress=lambda stage, done, total: seen.append(done),
        )[0]

    first = build_to(200)
    assert first == build_to(200)
    assert seen == [0, 100, 200]
    assert build_to(300).chunks == 300
    assert seen[3:] == [200, 300]
    assert build_to(100).chunks == 100  # a smaller one is built anew
    with pytest.raises(ValueError, match="multiple of 100"):
        build_to(150)


def test_recall_tells_a_right_index_from_a_wrong_one(corpus: Corpus, tmp_path: Path) -> None:
    embedder = FakeEmbedder()
    _, stored = build(300, corpus, Settings(), embedder, folder=tmp_path)
    vectors = embedder.embed(practice_questions(10))
    with closing(Index.open(stored, embedder_name=embedder.name, dimension=embedder.dimension)) as index:
        assert recall(index, corpus, vectors) >= 0.95
        assert recall(index, replace(corpus, seed=99), vectors) < 0.5


def test_a_search_is_measured_in_parts(corpus: Corpus, tmp_path: Path) -> None:
    measured = measure(
        300, corpus, Settings(), FakeEmbedder(), FakeReranker(), practice_questions(8), folder=tmp_path
    )
    parts = measured.latency_ms
    assert measured.built.chunks == 300
    assert all(latency.p50 > 0 for latency in parts.values())
    assert max(parts[name].p50 for name in ("embed", "dense", "lexical", "rest")) < parts["fuse"].p95
    assert measured.times_bare == parts["fuse"].p50 / parts["bare"].p50
    assert measured.recall_at_10 >= 0.95


def test_a_stopwatch_adds_up_calls_and_hands_on_the_rest() -> None:
    watched = Stopwatch(FakeEmbedder(), ("embed",))
    watched.embed(["a"])
    before = watched.seconds["embed"]
    watched.embed(["b"])
    assert watched.seconds["embed"] > before > 0
    assert watched.dimension == 64
    watched.reset()
    assert not watched.seconds


def test_the_table_compares_sizes_with_the_first() -> None:
    results = [result(10_000, 10.0, 8.0), result(100_000, 15.0, 8.0)]
    lines = markdown(results).splitlines()
    assert lines[0] == "| ms, p50 / p95 (times the first) | 10,000 chunks | 100,000 chunks |"
    assert "| fused search, without reader | 10.00 / 9.00 (x1.00) | 15.00 / 9.00 (x1.50) |" in lines
    assert "| fused by bare, p50 | 1.25 | 1.88 |" in lines
    assert [row["times_first"] for row in to_json(results)] == [1.0, 1.5]
