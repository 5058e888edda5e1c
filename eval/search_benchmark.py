"""How search time grows with the index, and what it costs beside one bare Chroma query.

    python -m eval.search_benchmark --sizes 10000,100000,1000000 [--workdir DIR] [--json]

The indexes hold made-up chunks, brought in through the index's writer: words as often as in the practice
handbooks but spread evenly (which is harder for BM25 than real text, where a topic's words stand together), a
growing tail of rare ones, and vectors around those of the handbooks' paragraphs. The questions are real ones.
`--workdir` keeps the indexes: the next run searches them again, and goes on with one that was not finished.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.bootstrap import Inhouse
from core.index.index import Index
from core.interfaces import Embedder, Reranker
from core.progress import Progress, console, silent
from core.retrieval import Retriever
from core.settings import Settings, load_settings
from eval.benchmarks.corpus import Corpus, practice_corpus, practice_questions
from eval.benchmarks.filling import Built, build
from eval.benchmarks.latency import Latency, bare_chroma, measure_fusion, measure_search
from eval.benchmarks.recall import recall

_READ = 20  # questions that are asked with the reader on
_COMPARED = 100  # questions whose nearest chunks are also looked for by comparing with all
_PARTS = {
    "fuse": "fused search, without reader",
    "embed": "- embedding",
    "dense": "- dense",
    "lexical": "- BM25",
    "rest": "- rest",
    "bare": "embedding and bare Chroma query",
}


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Of one size. `latency_ms` by part, see _PARTS; `read_ms` with the reader on."""

    built: Built
    questions: int
    latency_ms: dict[str, Latency]
    read_ms: Latency
    recall_at_10: float  # of dense search among all vectors

    @property
    def times_bare(self) -> float:
        """The fused search's median by that of embedding and a bare Chroma query."""
        return self.latency_ms["fuse"].p50 / self.latency_ms["bare"].p50


def measure(
    chunks: int,
    corpus: Corpus,
    settings: Settings,
    embedder: Embedder,
    reader: Reranker,
    questions: Sequence[str],
    *,
    folder: Path,
    progress: Progress = silent,
) -> SearchResult:
    """Builds the index below `folder` where it is not there yet, and searches it."""
    built, stored = build(chunks, corpus, settings, embedder, folder=folder, progress=progress)
    with closing(Index.open(stored, embedder_name=embedder.name, dimension=embedder.dimension)) as index:
        retriever = Retriever(index, embedder, reader, stored.retrieval)
        retriever.fuse(questions[0])  # opens the index, before the bare query shares it
        latency = measure_fusion(retriever, bare_chroma(stored, embedder), questions, progress)
        read = measure_search(retriever, questions[:_READ])
        vectors = embedder.embed(questions[:_COMPARED])
        share = recall(index, corpus, vectors, progress=progress)
    return SearchResult(built, len(questions), latency, read, round(share, 4))


def markdown(results: Sequence[SearchResult]) -> str:
    """A column a size, a line a part: p50 / p95 in ms, and the p50 by that of the first size."""
    sizes = [f"{result.built.chunks:,} chunks" for result in results]
    rows = [["ms, p50 / p95 (times the first)", *sizes], ["---", *["---:"] * len(results)]]
    for part, label in _PARTS.items():
        rows.append([label, *_cells([result.latency_ms[part] for result in results])])
    rows.append(["search with the reader", *_cells([result.read_ms for result in results])])
    rows += [
        ["fused by bare, p50", *(f"{result.times_bare:.2f}" for result in results)],
        ["recall@10 of dense search", *(f"{result.recall_at_10:.3f}" for result in results)],
        ["build, s", *(f"{result.built.seconds:,.0f}" for result in results)],
        ["disk, MB", *(f"{result.built.disk_mb:,.0f}" for result in results)],
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cells(latencies: Sequence[Latency]) -> list[str]:
    first = latencies[0].p50
    return [f"{one.p50:.2f} / {one.p95:.2f} (x{one.p50 / max(first, 1e-6):.2f})" for one in latencies]


def to_json(results: Sequence[SearchResult]) -> list[dict[str, Any]]:
    first = results[0].latency_ms["fuse"].p50
    return [
        {
            **asdict(result),
            "times_bare": result.times_bare,
            "times_first": result.latency_ms["fuse"].p50 / first,
        }
        for result in results
    ]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sizes", default="10000,100000", metavar="N,N", help="chunks, multiples of 5000, smallest first"
    )
    parser.add_argument("--questions", type=int, default=200, metavar="N", help="timed (default 200)")
    parser.add_argument("--workdir", type=Path, metavar="DIR", help="keep the indexes here")
    parser.add_argument("--json", action="store_true", help="print all figures as one JSON line, last")
    args = parser.parse_args(argv)
    settings, progress = load_settings(), console()
    inhouse = Inhouse(settings)
    corpus, questions = practice_corpus(inhouse.embedder), practice_questions(args.questions)
    kept = nullcontext(args.workdir) if args.workdir else tempfile.TemporaryDirectory()
    results = []
    with kept as place:
        for size in map(int, args.sizes.split(",")):
            folder = Path(place) / str(size)
            results.append(
                measure(
                    size,
                    corpus,
                    settings,
                    inhouse.embedder,
                    inhouse.reranker,
                    questions,
                    folder=folder,
                    progress=progress,
                )
            )
    print(markdown(results))
    if args.json:
        print(json.dumps(to_json(results)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
