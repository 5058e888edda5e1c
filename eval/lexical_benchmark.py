"""BM25 in three engines, at several sizes: what the index's engine was chosen by.

    pip install bm25s
    python -m eval.lexical_benchmark --sizes 10000,100000,1000000

The passages are made up with the word frequencies of the practice handbooks; the questions are the practice
questions, as the terms that the index searches for. Each engine gives its 40 best passages a question.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from core.index.lexical import search_terms
from core.index.words import Words, write_words
from core.models.embedder import SentenceEmbedder
from eval.benchmarks.corpus import Corpus, practice_corpus, practice_questions
from eval.benchmarks.folders import disk_megabytes
from eval.benchmarks.latency import Latency

_K = 40
_QUESTIONS = 200
Search = Callable[[list[str]], object]


def passages(corpus: Corpus, count: int) -> Iterator[tuple[str, str]]:
    """(id, text) of the first `count` made-up chunks."""
    for number in range(count // corpus.block_chunks):
        for _, chunks, _ in corpus.block(number):
            yield from ((chunk.id, chunk.text) for chunk in chunks)


def build_tantivy(rows: Iterator[tuple[str, str]], folder: Path) -> Search:
    write_words(folder / "words" / "1", ((chunk_id, text, 0) for chunk_id, text in rows))
    words = Words(folder / "words" / "1")
    return lambda terms: words.search(terms, [], _K)


def build_fts5(rows: Iterator[tuple[str, str]], folder: Path) -> Search:
    database = sqlite3.connect(folder / "words.sqlite3")
    database.execute(
        "CREATE VIRTUAL TABLE words USING fts5 (id UNINDEXED, text, tokenize = 'porter unicode61')"
    )
    database.executemany("INSERT INTO words VALUES (?, ?)", rows)
    database.commit()
    statement = "SELECT id, bm25(words) FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?"
    return lambda terms: database.execute(
        statement, (" OR ".join(f'"{term}"' for term in terms), _K)
    ).fetchall()


def build_bm25s(rows: Iterator[tuple[str, str]], folder: Path) -> Search:
    import bm25s

    tokens = bm25s.tokenize([text for _, text in rows], stopwords=None, show_progress=False)
    engine = bm25s.BM25()
    engine.index(tokens, show_progress=False)
    engine.save(folder)

    def search(terms: list[str]) -> object:
        asked = bm25s.tokenize([" ".join(terms)], stopwords=None, show_progress=False)
        return engine.retrieve(asked, k=_K, show_progress=False)

    return search


ENGINES = {"tantivy": build_tantivy, "SQLite FTS5": build_fts5, "bm25s": build_bm25s}


def measure(engine: str, corpus: Corpus, count: int) -> tuple[float, float, Latency]:
    """Seconds to build, megabytes on the disk, milliseconds a question."""
    asked = [search_terms(question) for question in practice_questions(_QUESTIONS)]
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        search = ENGINES[engine](passages(corpus, count), Path(folder))
        built = time.perf_counter() - started
        spent = []
        for terms in asked[:20] + asked:
            started = time.perf_counter()
            search(terms)
            spent.append(time.perf_counter() - started)
        return built, disk_megabytes(Path(folder)), Latency.of(spent[20:])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default="10000,100000", help="numbers of passages, by comma")
    args = parser.parse_args()
    corpus = practice_corpus(SentenceEmbedder())
    print("| passages | engine | p50 ms | p95 ms | build s | disk MB |")
    print("| ---: | --- | ---: | ---: | ---: | ---: |")
    for count in (int(size) for size in args.sizes.split(",")):
        for engine in ENGINES:
            try:
                built, megabytes, latency = measure(engine, corpus, count)
            except ImportError:
                print(f"{engine} is left out: pip install {engine}", file=sys.stderr)
                continue
            figures = f"{latency.p50:.2f} | {latency.p95:.2f} | {built:.0f} | {megabytes:.0f}"
            print(f"| {count:,} | {engine} | {figures} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
